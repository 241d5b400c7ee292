"""Data sets of image pairs, their transforms and image files."""

from .bicubic_dataset import BicubicDataset
from .data_sample import SRDataSample
from .paired_image_dataset import PairedImageDataset
from .sample_index import SampleIndex

__all__ = ["BicubicDataset", "PairedImageDataset", "SRDataSample", "SampleIndex"]
