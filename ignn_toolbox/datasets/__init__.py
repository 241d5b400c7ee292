"""Data sets of image pairs, their transforms and image files."""

from .data_sample import SRDataSample
from .paired_image_dataset import PairedImageDataset
from .restoration_dataset import RestorationDataset
from .sample_index import SampleIndex

__all__ = ["PairedImageDataset", "RestorationDataset", "SRDataSample", "SampleIndex"]
