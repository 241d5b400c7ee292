"""WebP files: their size before anything is decoded."""

import io
from collections.abc import Callable

from PIL import Image, WebPImagePlugin

from .colour import pixels_of
from .metadata import MAX_BYTES, bounded_xmp, cleaned_exif
from .picture import Picture, PictureError

_ANIMATED = 0x02  # a flag of the extended header


def read_webp(data: bytes, admit: Callable[[int, int], None]) -> Picture:
    """Decode a WebP file; see `decode_picture`."""
    if len(data) < 8 + int.from_bytes(data[4:8], "little") or len(data) < 30:
        raise ValueError("its end is missing")
    width, height = _size(data)
    admit(width, height)
    if data[12:16] == b"VP8X" and data[20] & _ANIMATED:
        raise PictureError("is animated; extract its frames first")
    try:
        image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
    except Image.DecompressionBombError:  # Pillow from 13 on; elsewhere our limit is the only one
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise PictureError(
            f"has {width}x{height} pixels, and Pillow decodes at most {most:,} of a WebP; "
            "convert it to PNG"
        ) from None
    notes: list[str] = []
    profile = image.info.get("icc_profile")
    if profile and len(profile) > MAX_BYTES:
        profile = None
        notes.append("a huge colour profile was left behind")
    pixels, profile = pixels_of(image, profile, notes)
    exif = cleaned_exif(image.info.get("exif"), notes)
    xmp = bounded_xmp(image.info.get("xmp"), notes)
    return Picture(pixels, "webp", exif, profile, xmp, notes=tuple(notes))


def _size(data: bytes) -> tuple[int, int]:
    """Width and height of the canvas, or of the only frame."""

    def number(place: int, count: int) -> int:
        return int.from_bytes(data[place : place + count], "little")

    kind = data[12:16]
    if kind == b"VP8X":
        return number(24, 3) + 1, number(27, 3) + 1
    if kind == b"VP8L":
        bits = number(21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return number(26, 2) & 0x3FFF, number(28, 2) & 0x3FFF
    raise ValueError("it holds no pixels")
