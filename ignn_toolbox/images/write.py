"""Writing picture files: what a format can hold is said before the work; whole files or none."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..files import write_bytes
from ..text import shown
from .formats import FORMATS, SUFFIXES
from .jpeg import LONGEST_XMP, with_xmp
from .metadata import MAX_TEXT
from .picture import ORIENTATION_TAG, Picture, PictureError
from .pixels import LARGEST, over_background, to_8_bits, upright
from .png import encode_png16, says_other_colours, with_chunks
from .tiff import encode_tiff
from .tiff_tags import GEO

DEFAULT_QUALITY = 95

_EXIF_FORMATS = ("png", "jpg", "webp")
_RESOLUTION_FORMATS = ("png", "jpg", "tiff", "bmp")
_SOFTWARE_TAG = 0x0131  # the program that wrote the file, which is now another
_LONGEST_JPEG_EXIF = 65_533
_WAY_UP = {ORIENTATION_TAG}
_SCREEN = 96  # pixels per inch that programs write who know of none


def as_writable(
    picture: Picture,
    file_format: str,
    size: tuple[int, int],
    name: str,
    background: tuple[int, int, int] | None = None,
) -> Picture:
    """Make of a picture what a format can hold, before any work is done on it.

    Args:
        picture: As it was read.
        file_format: A key of `FORMATS`.
        size: Height and width of what will be written.
        name: The picture's name, for messages.
        background: Red, green, blue to lay it over where the format has no transparency.

    Returns:
        The picture in that format. Alpha that is opaque everywhere is left out where the format
        has none. What else is lost (EXIF, profile, 16 bits, ...) is in ``notes``.

    Raises:
        PictureError: The format has no transparency, no floating point, no bands, or no place for
            so many pixels.
    """
    kind = FORMATS[file_format]
    if max(size) > kind.largest_side:
        raise PictureError(
            f"{shown(name)} would become {size[1]}x{size[0]}, {file_format} holds "
            f"{kind.largest_side} pixels a side; choose png or tiff"
        )
    pixels = picture.pixels
    if pixels.dtype not in LARGEST and not kind.floating:
        able = ", ".join(other.name for other in FORMATS.values() if other.floating)
        raise PictureError(
            f"{shown(name)} holds floating point, which {file_format} cannot; choose {able}"
        )
    if pixels.shape[2] > 4 and file_format != "tiff":
        raise PictureError(
            f"{shown(name)} has {pixels.shape[2]} bands, which {file_format} cannot hold; choose "
            "tiff"
        )
    if pixels.shape[2] in (2, 4) and not kind.alpha:
        if (pixels[:, :, -1] == LARGEST[pixels.dtype]).all():
            picture = replace(picture, pixels=pixels[:, :, :-1])
        elif background is not None:
            picture = replace(picture, pixels=over_background(pixels, background))
        else:
            able = ", ".join(other.name for other in FORMATS.values() if other.alpha)
            raise PictureError(
                f"{shown(name)} has transparency, which {file_format} cannot hold; choose one of "
                f"{able}, or a colour to lay it over (background, --background)"
            )
    return _kept(replace(picture, format=file_format))


def encode_picture(picture: Picture, quality: int | None = None) -> bytes:
    """Encode a picture in its ``format``.

    16-bit pixels are rounded to 8 where the format has no more. TIFF and BMP get no EXIF block:
    their pixels are turned upright instead. BMP has no place for a colour profile either.

    Args:
        picture: What to encode.
        quality: 1 to 100 for JPEG and WebP. By default JPEG has 95 and WebP is lossless.

    Returns:
        The bytes of a complete file.
    """
    picture = _kept(picture)
    if not FORMATS[picture.format].deep:
        picture = replace(picture, pixels=to_8_bits(picture.pixels))
    if picture.format == "tiff":
        return encode_tiff(picture)
    if picture.pixels.dtype == np.uint16:
        return with_chunks(encode_png16(picture.pixels), picture)
    pixels = picture.pixels if picture.pixels.shape[2] > 1 else picture.pixels[:, :, 0]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if picture.format == "png":
        return with_chunks(_saved(image, "PNG"), picture)
    options: dict[str, Any] = {
        "dpi": picture.resolution,
        "exif": picture.exif,
        "icc_profile": picture.icc_profile,
    }
    options = {key: value for key, value in options.items() if value is not None}
    if picture.format == "bmp":
        return _saved(image, "BMP", **options)
    if picture.format == "webp":
        options |= {} if picture.xmp is None else {"xmp": picture.xmp}
        return _saved(
            image, "WEBP", lossless=quality is None, quality=quality or 100, exact=True, **options
        )
    quality = quality or DEFAULT_QUALITY
    subsampling = 0 if quality >= 90 else 2
    data = _saved(image, "JPEG", quality=quality, subsampling=subsampling, **options)
    return data if picture.xmp is None else with_xmp(data, picture.xmp)


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write an 8-bit image in the format of the file's suffix, whole or not at all.

    WebP is written without loss, JPG with quality 95.

    Args:
        path: The file.
        image: RGB ``(H, W, 3)`` or grey ``(H, W, 1)``, uint8.

    Raises:
        ValueError: The suffix is none of the known ones.
        OSError: The folder cannot be written.
    """
    path = Path(path)
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"{shown(path)}: the suffix must be one of {', '.join(SUFFIXES)}")
    write_new(encode_picture(Picture(image, kind)), path, overwrite=True)


def write_new(data: bytes, target: Path, overwrite: bool = False) -> None:
    """Write a file whole or not at all, making folders as needed.

    Raises:
        FileExistsError: ``target`` exists and ``overwrite`` is not set.
        OSError: The disk is full or the folder not writable; nothing is left behind.
    """
    if target.exists() and not overwrite:
        raise FileExistsError(f"{shown(target)} exists")
    write_bytes(target, data)


def _kept(picture: Picture) -> Picture:
    """Leave out what the picture's format cannot hold, and note it."""
    kind, notes = picture.format, list(picture.notes)

    def lost(what: str) -> None:
        notes.append(f"{what}, which {kind} cannot hold, was left behind")

    if picture.pixels.dtype == np.uint16 and not FORMATS[kind].deep:
        notes.append(f"16 bits a channel became 8, which is what {kind} holds")
    if picture.exif is not None and kind not in _EXIF_FORMATS:
        held = {code for code, *_ in picture.tags} if kind == "tiff" else set()
        if _is_worth_a_note(picture.exif) and not _tags_of(picture.exif) <= held | _WAY_UP:
            lost("EXIF")
        picture = replace(picture, pixels=upright(picture.pixels, picture.orientation), exif=None)
    if kind == "jpg" and len(picture.exif or b"") > _LONGEST_JPEG_EXIF:
        lost(f"EXIF of {len(picture.exif or b''):,} bytes")
        turned = upright(picture.pixels, picture.orientation)
        picture = replace(picture, pixels=turned, exif=None)
    if picture.tags and kind != "tiff":
        if any(code in GEO for code, *_ in picture.tags):
            lost("the place on Earth (GeoTIFF)")
        picture = replace(picture, tags=())
    if picture.icc_profile is not None and kind == "bmp":
        lost("the colour profile")
        picture = replace(picture, icc_profile=None)
    longest = {"bmp": 0, "jpg": LONGEST_XMP}.get(kind, MAX_TEXT)
    if len(picture.xmp or b"") > longest:
        lost("XMP")
        picture = replace(picture, xmp=None)
    if picture.resolution is not None and kind not in _RESOLUTION_FORMATS:
        if max(picture.resolution) > _SCREEN:
            lost("the resolution")
        picture = replace(picture, resolution=None)
    if picture.chunks and kind != "png":
        if says_other_colours(picture.chunks):
            lost("PNG's record of gamma or primaries")
        if any(name.endswith(b"Xt") for name, _ in picture.chunks):
            lost("text")
        picture = replace(picture, chunks=())
    return replace(picture, notes=tuple(dict.fromkeys(notes)))


def _tags_of(block: bytes) -> set[int]:
    exif = Image.Exif()
    exif.load(block)
    return set(exif)


def _is_worth_a_note(block: bytes) -> bool:
    exif = Image.Exif()
    exif.load(block)
    return any(tag not in (ORIENTATION_TAG, _SOFTWARE_TAG) for tag in exif)


def _saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
