"""Making LR files and training crops, and examining a folder of data."""

from .doctor import Finding, check_folder
from .lr_files import make_lr
from .subimages import make_subimages

__all__ = ["Finding", "check_folder", "make_lr", "make_subimages"]
