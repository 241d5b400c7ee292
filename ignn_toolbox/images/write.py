"""Writing pictures: every depth, alpha, colour profile and orientation; whole files or none."""

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ..files import write_bytes
from .picture import Picture
from .pixels import to_8_bits, upright

DEFAULT_QUALITY = 95

_PILLOW_NAMES = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "tiff": "TIFF", "bmp": "BMP"}
_DEEP_FORMATS = ("png", "tiff")
_ALPHA_FORMATS = ("png", "webp", "tiff")
_LARGEST_SIDE = {"jpg": 65_500, "webp": 16_383}


def check_writable_as(channels: int, size: tuple[int, int], file_format: str, name: str) -> None:
    """Tells before the work is done whether a format can hold its result.

    Args:
        channels: 1 to 4, as in :class:`Picture`.
        size: Height and width of the result.
        file_format: One of :data:`FORMATS`.
        name: The picture's name, for the message.

    Raises:
        ValueError: The format has no alpha, or no place for so many pixels.
    """
    if channels in (2, 4) and file_format not in _ALPHA_FORMATS:
        raise ValueError(
            f"{name} has transparency, which {file_format} cannot hold; "
            f"choose one of {', '.join(_ALPHA_FORMATS)}"
        )
    limit = _LARGEST_SIDE.get(file_format)
    if limit and max(size) > limit:
        raise ValueError(
            f"{name} would become {size[1]}x{size[0]}, {file_format} holds {limit} pixels a side; "
            "choose png or tiff"
        )


def encode_picture(picture: Picture, quality: int | None = None) -> bytes:
    """Encodes a picture in its ``format``.

    16-bit pixels are rounded to 8 where the format has no more. TIFF and BMP get no EXIF block:
    their pixels are turned upright instead. BMP has no place for a colour profile either.

    Args:
        picture: What to encode.
        quality: 1 to 100 for JPEG and WebP. By default JPEG has 95 and WebP is lossless.

    Returns:
        The bytes of a complete file.
    """
    if picture.format in ("tiff", "bmp"):
        pixels = upright(picture.pixels, picture.orientation)
        picture = replace(picture, pixels=pixels, exif=None)
    if picture.pixels.dtype == np.uint16 and picture.format in _DEEP_FORMATS:
        return _encode_png16(picture) if picture.format == "png" else _encode_tiff16(picture)
    pixels = picture.pixels
    if pixels.dtype == np.uint16:
        pixels = to_8_bits(pixels)
    options: dict = {"icc_profile": picture.icc_profile, "exif": picture.exif}
    if picture.format == "bmp":
        options = {}
    elif picture.format == "jpg":
        quality = quality or DEFAULT_QUALITY
        options |= {"quality": quality, "subsampling": 0 if quality >= 90 else 2}
    elif picture.format == "webp":
        options |= {"lossless": quality is None, "quality": quality or 100, "exact": True}
    elif picture.format == "tiff":
        options["compression"] = "tiff_adobe_deflate"
    options = {key: value for key, value in options.items() if value is not None}
    if pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(
        buffer, _PILLOW_NAMES[picture.format], **options
    )
    return buffer.getvalue()


def write_new(data: bytes, target: Path, overwrite: bool = False) -> None:
    """Writes a file whole or not at all, making folders as needed.

    Raises:
        FileExistsError: ``target`` exists and ``overwrite`` is not set.
        OSError: The disk is full or the folder not writable; nothing is left behind.
    """
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists")
    write_bytes(target, data)


def _encode_png16(picture: Picture) -> bytes:
    """A PNG file of 16 bits: Pillow has none in colour, OpenCV none with a profile."""
    height, width, channels = picture.pixels.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = picture.pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = 2  # the filter "Up": each byte less the one above it
    np.subtract(rows, above, out=filtered[:, 1:])
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0))]
    if picture.icc_profile:
        chunks.append((b"iCCP", b"icc\0\0" + zlib.compress(picture.icc_profile)))
    if picture.exif:
        chunks.append((b"eXIf", picture.exif.removeprefix(b"Exif\0\0")))
    chunks += [(b"IDAT", zlib.compress(filtered.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, data) for kind, data in chunks)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _encode_tiff16(picture: Picture) -> bytes:
    """A TIFF file of one deflated strip; neither Pillow nor OpenCV writes 16 bits and a profile."""
    pixels = picture.pixels
    if pixels.shape[2] == 2:  # grey and alpha of 16 bits is a kind that few programs read
        pixels = pixels[:, :, [0, 0, 0, 1]]
    height, width, channels = pixels.shape
    strip = zlib.compress(pixels.astype("<u2").tobytes())
    entries: list[tuple[int, str, tuple[int, ...] | bytes]] = [
        (256, "I", (width,)),
        (257, "I", (height,)),
        (258, "H", (16,) * channels),
        (259, "H", (8,)),  # Adobe deflate
        (262, "H", (2 if channels >= 3 else 1,)),
        (273, "I", (8,)),  # the strip follows the file header
        (277, "H", (channels,)),
        (278, "I", (height,)),
        (279, "I", (len(strip),)),
        (284, "H", (1,)),
    ]
    if channels == 4:
        entries.append((338, "H", (2,)))  # the last channel is unassociated alpha
    if picture.icc_profile:
        entries.append((34675, "B", picture.icc_profile))
    strip += b"\0" * (len(strip) % 2)
    directory_at = 8 + len(strip)
    values_at = directory_at + 2 + 12 * len(entries) + 4
    directory, values = struct.pack("<H", len(entries)), b""
    for tag, kind, value in entries:
        packed = value if isinstance(value, bytes) else struct.pack(f"<{len(value)}{kind}", *value)
        code = {"H": 3, "I": 4, "B": 7}[kind]
        directory += struct.pack("<HHI", tag, code, len(value))
        if len(packed) <= 4:
            directory += packed.ljust(4, b"\0")
        else:
            directory += struct.pack("<I", values_at + len(values))
            values += packed + b"\0" * (len(packed) % 2)
    header = struct.pack("<2sHI", b"II", 42, directory_at)
    return header + strip + directory + struct.pack("<I", 0) + values
