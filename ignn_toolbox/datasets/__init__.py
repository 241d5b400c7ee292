"""Data sets of image pairs, their transforms and image files."""

from typing import TYPE_CHECKING

from ..lazy import names_of

if TYPE_CHECKING:
    from .data_sample import SRDataSample
    from .paired_image_dataset import PairedImageDataset
    from .restoration_dataset import RestorationDataset
    from .sample_index import SampleIndex

__all__ = ["PairedImageDataset", "RestorationDataset", "SRDataSample", "SampleIndex"]

__getattr__ = names_of(
    __name__,
    {
        "PairedImageDataset": "paired_image_dataset",
        "RestorationDataset": "restoration_dataset",
        "SRDataSample": "data_sample",
        "SampleIndex": "sample_index",
    },
)
