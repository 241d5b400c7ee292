"""Reading picture files: as users have them, or as 8-bit RGB for training and evaluation."""

import io
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import BmpImagePlugin

from ..text import shown
from .colour import pixels_of
from .formats import kind_of
from .jpeg import read_jpeg
from .picture import Picture, PictureError, TooLargeError
from .pixels import upright
from .png import read_png
from .tiff import read_tiff
from .walk import kind_of_special
from .webp import read_webp

MAX_PIXELS = 100_000_000

_KINDS = ", ".join(("PNG", "JPEG", "WebP", "TIFF", "BMP"))
_BYTES_A_PIXEL = 16  # more than any sound file needs
_LONGEST_SIDE = 1_000_000  # libpng's; decoders pay for every row
_MOST_BESIDE = 2**27  # of profiles, text, previews
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def read_picture(source: str | Path, max_pixels: int | None = None) -> Picture:
    """Read one picture file: depth, grey, alpha, colour profile and orientation are kept.

    Args:
        source: A PNG, JPEG, WebP, TIFF or BMP file; its content counts, not its name.
        max_pixels: Larger pictures are refused before they are decoded; `MAX_PIXELS` by default.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: It cannot be read (permission, a directory).
        PictureError: It is empty, damaged, truncated, animated, of another kind, or no file but a
            pipe or device.
        TooLargeError: It has more than ``max_pixels``.
    """
    try:
        return _read(Path(source), max_pixels)
    except PictureError as error:
        raise error.about(shown(source)) from error


def read_file(source: str | Path, max_pixels: int | None = None) -> bytes:
    """Read the bytes of a file that may be a picture; raises as `read_picture`, but for content."""
    try:
        return _bytes(Path(source), max_pixels)
    except PictureError as error:
        raise error.about(shown(source)) from error


def read_stream(stream: BinaryIO, name: str, max_pixels: int | None = None) -> Picture:
    """Read one picture to the end of a stream; see `read_picture`."""
    data = stream.read(_most_bytes(max_pixels) + 1)
    return decode_picture(data, name, max_pixels)


def decode_picture(data: bytes, name: str, max_pixels: int | None = None) -> Picture:
    """Decode the bytes of a picture file.

    Args:
        data: All of the file.
        name: What messages call it.
        max_pixels: As in `read_picture`.

    Raises:
        PictureError: As `read_picture`; the message begins with the name.
        TooLargeError: As `read_picture`.
    """
    try:
        return _decode(data, max_pixels)
    except PictureError as error:
        raise error.about(shown(name)) from error


def read_image(
    path: str | Path, notes: list[str] | None = None, *, channels: int = 3
) -> np.ndarray:
    """Read an 8-bit image upright, as RGB or as grey.

    Grey is repeated to three channels or colour is turned into grey (ITU-R BT.601, rounded), alpha
    is dropped.

    Args:
        path: The file.
        notes: A list to which is appended what was changed (grey, alpha), if anything.
        channels: 3 for RGB, 1 for grey.

    Returns:
        Array ``(H, W, channels)``, uint8.

    Raises:
        FileNotFoundError: The file does not exist.
        PictureError: As `read_picture`; or the file holds more than 8 bits a channel.
    """
    try:
        picture = _read(Path(path), None)
        if picture.pixels.dtype != np.uint8:
            bits = picture.pixels.dtype.itemsize * 8
            raise PictureError(f"has {bits} bits a channel, and 8 are needed: convert it")
        if picture.pixels.shape[2] > 4:
            raise PictureError(f"has {picture.pixels.shape[2]} bands, not grey or RGB: choose some")
    except PictureError as error:
        raise error.about(f"{shown(path)} cannot be read as an image: it") from error
    pixels = upright(picture.pixels, picture.orientation)
    said = list(picture.notes)
    if pixels.shape[2] in (2, 4):
        opaque = (pixels[:, :, -1] == 255).all()
        said.append("opaque alpha dropped" if opaque else "alpha with transparency dropped")
        pixels = pixels[:, :, :-1]
    if pixels.shape[2] < channels:
        said.append("grey, repeated to RGB")
        pixels = pixels.repeat(channels, axis=2)
    elif pixels.shape[2] > channels:
        said.append("colour, turned into grey")
        pixels = np.rint(pixels @ _LUMA).astype(np.uint8)[:, :, None]
    if notes is not None:
        notes += said
    return np.ascontiguousarray(pixels)


def _read(path: Path, max_pixels: int | None) -> Picture:
    """As `read_picture`, with words that follow the name in the messages of `PictureError`."""
    return _decode(_bytes(path, max_pixels), max_pixels)


def _bytes(path: Path, max_pixels: int | None) -> bytes:
    """As `read_file`, with words that follow the name in the messages of `PictureError`."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{shown(path)} does not exist") from None
    except (OSError, ValueError) as error:  # too long, a link to itself, a null byte
        raise OSError(f"{shown(path)} cannot be opened: {shown(error)}") from None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(f"{shown(path)} is a folder, not a picture")
    if kind := kind_of_special(path):  # reading a pipe may wait for ever, a device give no end
        raise PictureError(f"is {kind}, not a picture file")
    if status.st_size > _most_bytes(max_pixels):
        raise _too_long(max_pixels)
    return path.read_bytes()


def _decode(data: bytes, max_pixels: int | None) -> Picture:
    """As `decode_picture`, with words that follow the name in the messages of `PictureError`."""

    most = MAX_PIXELS if max_pixels is None else max_pixels
    # Only who can be told a limit tells one.
    advice = "raise it (max_pixels, --max-pixels) if you trust the file"
    advice = "make it smaller or cut it into parts" if max_pixels is None else advice

    def admit(width: int, height: int) -> None:
        if width < 1 or height < 1:
            raise ValueError(f"its size is {width}x{height}")
        if max(width, height) > _LONGEST_SIDE:
            raise PictureError(f"has {width}x{height} pixels; a side may have {_LONGEST_SIDE:,}")
        if width * height > most:
            error = TooLargeError(
                f"has {width}x{height} = {width * height:,} pixels, the limit is {most:,}; {advice}"
            )
            error.width, error.height = width, height
            raise error

    if not data:
        raise PictureError("is empty (0 bytes)")
    if len(data) > _most_bytes(max_pixels):
        raise _too_long(max_pixels)
    kind = kind_of(data)
    if kind is None:
        raise PictureError(f"is not a picture that can be read ({_KINDS})")
    if kind not in _READERS:
        raise PictureError(f"is of the kind {kind}; convert it to one of {_KINDS}")
    try:
        return _READERS[kind](data, admit)
    except PictureError:
        raise
    except Exception as error:  # damaged files fail in many ways inside the decoders
        reason = shown(error) or type(error).__name__
        raise PictureError(f"is truncated or damaged: {reason}") from error


def _most_bytes(max_pixels: int | None) -> int:
    return _MOST_BESIDE + _BYTES_A_PIXEL * (MAX_PIXELS if max_pixels is None else max_pixels)


def _too_long(max_pixels: int | None) -> PictureError:
    return PictureError(
        f"has more than {_most_bytes(max_pixels):,} bytes, which no picture within the limit of "
        "pixels needs"
    )


def _read_bmp(data: bytes, admit: Callable[[int, int], None]) -> Picture:
    image = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
    admit(*image.size)
    notes: list[str] = []
    pixels, _ = pixels_of(image, None, notes)
    if len(data) < int.from_bytes(data[2:6], "little"):
        notes.append("the end of the file is missing, beside the pixels")
    across, down = image.info.get("dpi", (0.0, 0.0))
    resolution = (across, down) if across > 0 and down > 0 else None
    return Picture(pixels, "bmp", resolution=resolution, notes=tuple(notes))


_READERS: Mapping[str | None, Callable[[bytes, Callable[[int, int], None]], Picture]] = {
    "png": read_png,
    "jpg": read_jpeg,
    "webp": read_webp,
    "tiff": read_tiff,
    "bmp": _read_bmp,
}
