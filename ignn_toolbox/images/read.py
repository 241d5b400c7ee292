"""Reading pictures as users have them: depth, grey, alpha, colour profile and orientation kept."""

import io
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from .picture import Picture

MAX_PIXELS = 100_000_000

_DECODERS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
_FORMATS = {"PNG": "png", "JPEG": "jpg", "MPO": "jpg", "WEBP": "webp", "TIFF": "tiff", "BMP": "bmp"}
_MODES = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "YCbCr": "RGB"}
# Sizes that EXIF repeats; after upscaling they would be wrong.
_STALE_TAGS = (0x0100, 0x0101)
_STALE_EXIF_TAGS = (0xA002, 0xA003)
_EXIF_IFD = 0x8769
# Pillow has one pixel limit for the whole process; it is lifted only while a header is read.
_PILLOW_LIMIT = threading.Lock()


def read_picture(source: str | Path, max_pixels: int = MAX_PIXELS) -> Picture:
    """Reads one picture file.

    Args:
        source: A PNG, JPEG, WebP, TIFF or BMP file; its content counts, not its name.
        max_pixels: Larger pictures are refused before they are decoded.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: It cannot be read (permission, a directory).
        ValueError: It is empty, damaged, truncated, too large, animated, or of a kind that could
            not be written back unchanged (CMYK, 32 bits a channel).
    """
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory, not a picture")
    return decode_picture(path.read_bytes(), str(path), max_pixels)


def decode_picture(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decodes the bytes of a picture file; ``name`` is used in messages.

    Raises:
        ValueError: As :func:`read_picture`.
    """
    if not data:
        raise ValueError(f"{name} is empty (0 bytes)")
    try:
        image = _open(data)
        frames = _frames(image)
    except UnidentifiedImageError:
        raise ValueError(
            f"{name} is not a picture that can be read (PNG, JPEG, WebP, TIFF, BMP)"
        ) from None
    except Exception as error:  # damaged headers fail in many ways inside Pillow
        raise ValueError(f"{name} cannot be decoded: {error}") from error
    _check_kind(image, frames, name, max_pixels)
    try:
        pixels = _pixels(image, data)
    except Exception as error:  # damaged files fail in many ways inside the decoders
        raise ValueError(f"{name} is truncated or damaged: {error}") from error
    return Picture(
        pixels if pixels.ndim == 3 else pixels[:, :, None],
        _FORMATS[str(image.format)],
        _exif(image),
        image.info.get("icc_profile"),
    )


def _open(data: bytes) -> Image.Image:
    with _PILLOW_LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(data), formats=_DECODERS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _frames(image: Image.Image) -> int:
    # Phone cameras add previews to JPEG files as further frames (MPO); the first is the photo.
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _check_kind(image: Image.Image, frames: int, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ValueError(
            f"{name} has {width}x{height} = {width * height:,} pixels, the limit is "
            f"{max_pixels:,}; raise it (max_pixels, --max-pixels) if you trust the file"
        )
    if frames > 1:
        raise ValueError(f"{name} is animated or has several pages ({frames}); split it first")
    if image.format == "GIF":
        raise ValueError(f"{name} is a GIF, which cannot hold the result; convert it to PNG")
    if image.mode == "CMYK":
        raise ValueError(f"{name} is CMYK; convert it to RGB with its colour profile first")
    if image.mode not in _MODES and image.mode != "P" and not image.mode.startswith("I;16"):
        raise ValueError(
            f"{name} has colour mode {image.mode}; grey or RGB of 8 or 16 bits is needed"
        )


def _pixels(image: Image.Image, data: bytes) -> np.ndarray:
    layout = _stored_layout(image)
    image.load()  # also for 16 bits, where it only serves to notice damage: OpenCV does not
    if "16" in layout:
        return _deep_pixels(data, has_grey=layout.startswith("LA"))
    if image.mode == "P" or "transparency" in image.info:
        grey = image.mode in ("1", "L")
        clear = image.has_transparency_data
        return np.asarray(image.convert("LA" if grey else "RGBA" if clear else "RGB"))
    return np.asarray(image.convert(_MODES[image.mode]))


def _stored_layout(image: Any) -> str:
    """Pillow's name of the channels as stored, such as ``RGB;16B``; known before loading."""
    details = image.tile[0][3] if image.tile else image.mode
    return str(details[0] if isinstance(details, tuple) else details)


def _deep_pixels(data: bytes, has_grey: bool) -> np.ndarray:
    # Pillow reduces 16-bit colour to 8 bits.
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError("OpenCV cannot decode this 16-bit file")
    if pixels.ndim == 2:
        return pixels
    if has_grey:
        return np.ascontiguousarray(pixels[:, :, [0, 3]])
    return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def _exif(image: Image.Image) -> bytes | None:
    if image.format == "TIFF":  # both decoders have turned it upright; the rest is its structure
        return None
    try:
        exif = image.getexif()
        for tag in _STALE_TAGS:
            exif.pop(tag, None)
        if _EXIF_IFD in exif:
            for tag in _STALE_EXIF_TAGS:
                exif.get_ifd(_EXIF_IFD).pop(tag, None)
        return exif.tobytes() if len(exif) else None
    except Exception:  # a damaged EXIF block is no reason to refuse the picture
        return None
