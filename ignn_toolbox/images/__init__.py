"""Pictures in and out: one room for training data, evaluation, inference and the page."""

from .formats import FORMATS, SUFFIXES
from .picture import Picture
from .pixels import as_rgb, checked_array, fill_transparent, to_8_bits, upright
from .read import MAX_PIXELS, decode_picture, read_picture
from .rgb import read_image, write_image
from .walk import list_images
from .write import DEFAULT_QUALITY, check_writable_as, encode_picture, write_new

__all__ = [
    "DEFAULT_QUALITY",
    "FORMATS",
    "MAX_PIXELS",
    "SUFFIXES",
    "Picture",
    "as_rgb",
    "check_writable_as",
    "checked_array",
    "decode_picture",
    "encode_picture",
    "fill_transparent",
    "list_images",
    "read_image",
    "read_picture",
    "to_8_bits",
    "upright",
    "write_image",
    "write_new",
]
