"""Pictures in and out: one room for training data, evaluation, inference and the page.

One table of kinds and suffixes (`FORMATS`, `SUFFIXES`), one limit (`MAX_PIXELS`), one decoder and
one encoder: `read_picture` and `encode_picture` for pictures as users have them, `read_image` and
`write_image` for arrays of 8 bits. Tensors are made by `ignn_toolbox.images.convert`.
"""

from .formats import FORMATS, SUFFIXES
from .picture import Picture, PictureError, TooLargeError
from .pillow import from_pillow, to_pillow
from .pixels import as_rgb, checked_array, fill_transparent, in_range, to_8_bits, upright
from .read import MAX_PIXELS, decode_picture, read_file, read_image, read_picture, read_stream
from .walk import list_images
from .write import DEFAULT_QUALITY, as_writable, encode_picture, write_image, write_new

__all__ = [
    "DEFAULT_QUALITY",
    "FORMATS",
    "MAX_PIXELS",
    "SUFFIXES",
    "Picture",
    "PictureError",
    "TooLargeError",
    "as_rgb",
    "as_writable",
    "checked_array",
    "decode_picture",
    "encode_picture",
    "fill_transparent",
    "from_pillow",
    "in_range",
    "list_images",
    "read_file",
    "read_image",
    "read_picture",
    "read_stream",
    "to_8_bits",
    "to_pillow",
    "upright",
    "write_image",
    "write_new",
]
