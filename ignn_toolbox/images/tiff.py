"""TIFF files: samples as they are stored, then what their tags say that they mean."""

import ctypes
import io
import logging
import struct
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import tifffile
from PIL import Image, TiffImagePlugin

from .colour import pixels_of
from .metadata import MAX_BYTES, bounded_xmp, exif_of_tiff
from .picture import Picture, PictureError
from .pixels import LARGEST, divided_by_alpha, upright
from .tiff_tags import kept_tags

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_ASSOCIATED, _ALPHA = 1, (1, 2, 999)  # kinds of extra samples; 999: Corel Draw
_NONE, _LZW, _DEFLATE, _PACKBITS, _OLD_DEFLATE, _ZSTD = 1, 5, 8, 32773, 32946, 50000
_PREDICTED = (_LZW, _DEFLATE, _OLD_DEFLATE, _ZSTD)
_HORIZONTAL, _FLOATING = 2, 3  # predictors: a sample, or its bytes sorted, less the one before
# Size, depth, colours, layout, compression, palette, tables of JPEG.
_OF_PIXELS = {*range(256, 285), 317, 320, *range(322, 326), 338, 339, 347, *range(529, 533)}
_MOST_PAGES = 64  # looked at
_FORMS = {1: "unsigned", 2: "signed", 3: "floating-point", 4: "untyped", 5: "complex", 6: "complex"}
_DEPTHS: dict[tuple[int, ...], tuple[int, ...]] = {
    (1,): (1, 2, 4, 8, 16),
    (3,): (16, 32, 64),
}  # bits by forms
_XMP = 700
_UNITS = {2: 1.0, 3: 2.54}  # in inches


def _quieten() -> None:
    """Keep the decoders from printing: their lines name no file, and our errors do.

    Pillow's wheels bring libtiff as a file; where Pillow was built otherwise, it goes on printing.
    """
    for name in ("tifffile", "PIL"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    for path in Path(PIL.__file__).parents[1].glob("pillow.libs/libtiff*"):
        library = ctypes.CDLL(str(path))
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)


_quieten()


def read_tiff(data: bytes, admit: Callable[[int, int], None]) -> Picture:
    """Decode a TIFF file; see `decode_picture`.

    Samples of 8 and 16 bits and of floating point are taken as they are stored, and their tags
    looked at here: white that is zero, colours with alpha multiplied in, channels that are no
    alpha, the way up. The rest (1, 2 and 4 bits, palettes, JPEG and fax compression, CMYK) is
    Pillow's.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        number, page = _only_page(file)
        admit(page.imagewidth, page.imagelength)
        notes: list[str] = []
        profile = _profile(page, notes)
        exif = exif_of_tiff(data, page.offset, {tag.code for tag in page.tags}, notes)
        xmp = bounded_xmp(page.tags.valueof(_XMP), notes)
        resolution = _resolution(page)
        tags = kept_tags(page, page.tags.valueof(274, 1) not in (0, 1), notes)
        _check_whole(data, file, page, notes)
        if _is_plain(page):
            samples = _samples(data, page, file.byteorder)
            turn = int(page.tags.valueof(274, 1))
            pixels = upright(_interpreted(samples, page, notes), turn if turn in range(9) else 1)
            if turn in range(5, 9) and resolution is not None:
                resolution = resolution[::-1]
        else:
            image = _Unlimited(io.BytesIO(data))
            image.seek(number)
            pixels, profile = pixels_of(image, profile, notes)  # turned upright as it is loaded
    return Picture(pixels, "tiff", exif, profile, xmp, resolution, tags=tags, notes=tuple(notes))


def encode_tiff(picture: Picture) -> bytes:
    """Encode a picture, 8 or 16 bits or floating point, as TIFF with deflated strips."""
    pixels = picture.pixels
    channels = pixels.shape[2]
    options: dict[str, Any] = {"extrasamples": ["unassalpha"]} if channels in (2, 4) else {}
    if channels > 4:
        options = {"extrasamples": ["unspecified"] * (channels - 1)}
    if picture.resolution is not None:
        options |= {"resolution": picture.resolution, "resolutionunit": "INCH"}
    options["extratags"] = [(*tag, True) for tag in picture.tags]
    if picture.xmp is not None:
        options["extratags"] += [(_XMP, 1, len(picture.xmp), picture.xmp, True)]
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels if channels > 1 else pixels[:, :, 0],
        photometric="rgb" if channels in (3, 4) else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        compression="zlib",
        predictor=pixels.dtype.kind == "u",
        iccprofile=picture.icc_profile,
        metadata=None,
        software=False,
        **options,
    )
    return buffer.getvalue()


class _Unlimited(TiffImagePlugin.TiffImageFile):
    """Pillow's reader without its own limit of pixels: ours has let the picture in."""

    def load_prepare(self) -> None:
        if hasattr(self, "_tile_size") and self._im is None:
            self.im = Image.core.new(self.mode, self._tile_size)
        super().load_prepare()


def _only_page(file: tifffile.TiffFile) -> tuple[int, Any]:
    """Number and directory of the one page that is no preview and no mask."""
    pages: list[Any] = list(islice(file.pages, _MOST_PAGES + 1))
    full = [(number, page) for number, page in enumerate(pages) if not page.subfiletype & 0b101]
    if not full:
        raise ValueError("it holds no picture of full size")
    count = max(len(full), (file.imagej_metadata or {}).get("images", 1))
    if count > 1 or len(pages) > _MOST_PAGES:
        raise PictureError(f"has several pages ({count}); split it first")
    return full[0]


def _is_plain(page: Any) -> bool:
    """Tell whether samples can be taken as they are; refuse what nothing here decodes."""
    bits, forms = page.bitspersample, _forms(page)
    if bits not in _DEPTHS.get(forms, ()):
        kind = ", ".join(_FORMS.get(form, "unknown") for form in forms)
        raise PictureError(
            f"has samples of {bits} bits ({kind}); unsigned of 8 or 16 or floating-point ones are "
            "needed"
        )
    if page.imagedepth != 1:
        raise PictureError("is a volume; split it first")
    plain = (
        bits >= 8
        and page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
        and page.compression in (_NONE, *_PREDICTED, _PACKBITS)
        and page.fillorder == 1
    )
    if not plain and bits > 8:
        raise PictureError(
            f"has {bits} bits a channel with colours or a compression that is not known there "
            f"(photometric {int(page.photometric)}, compression {int(page.compression)})"
        )
    return plain


def _forms(page: Any) -> tuple[int, ...]:
    """What kinds of numbers the samples are."""
    forms = page.tags.valueof(339, default=1)
    return tuple(sorted({int(form) for form in (forms if isinstance(forms, tuple) else (forms,))}))


def _layout(page: Any) -> tuple[int, int, int, int]:
    """Planes, samples a pixel in each, and width and height of a strip or tile."""
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    per_pixel = page.samplesperpixel // planes
    if page.is_tiled:
        return planes, per_pixel, page.tilewidth, page.tilelength
    return planes, per_pixel, page.imagewidth, page.rowsperstrip


def _check_whole(data: bytes, file: tifffile.TiffFile, page: Any, notes: list[str]) -> None:
    """Refuse a file that lacks a part of its pixels; note when it lacks another."""
    planes, _, width, height = _layout(page)
    if width < 1 or height < 1:
        raise ValueError("it has strips or tiles without pixels")
    count = planes * -(-page.imagewidth // width) * -(-page.imagelength // height)
    if len(page.dataoffsets) < count or len(page.databytecounts) < count:
        raise ValueError("it lacks strips or tiles")
    sizes = zip(page.dataoffsets[:count], page.databytecounts[:count], strict=True)
    ends = [offset + size for offset, size in sizes if offset >= 8 and size > 0]
    if len(ends) < count:
        raise ValueError("it has empty strips or tiles")
    beside = [0]
    for tag, end in _tag_ends(data, file, page):
        (ends if tag in _OF_PIXELS else beside).append(end)
    if max(ends) > len(data):
        raise ValueError("its end is missing")
    if max(beside) > len(data):
        notes.append("the end of the file is missing, beside the pixels")


def _tag_ends(data: bytes, file: tifffile.TiffFile, page: Any) -> Iterator[tuple[int, int]]:
    """Yield number and end of every tag's value, and 0 and the end of the directory."""
    kind = file.tiff
    (count,) = struct.unpack_from(kind.tagnoformat, data, page.offset)
    first = page.offset + kind.tagnosize
    yield 0, first + count * kind.tagsize + kind.offsetsize
    for place in range(first, first + count * kind.tagsize, kind.tagsize):
        tag, dtype = struct.unpack_from(kind.tagformat1, data, place)
        (number,) = struct.unpack_from(kind.offsetformat, data, place + 4)
        size = number * struct.calcsize(tifffile.TIFF.DATA_FORMATS.get(dtype, "x"))
        if size > kind.offsetsize:
            where = place + kind.tagsize - kind.offsetsize
            yield tag, struct.unpack_from(kind.offsetformat, data, where)[0] + size


def _samples(data: bytes, page: Any, byteorder: str) -> np.ndarray:
    """All samples ``(H, W, samples)`` as stored."""
    planes, per_pixel, width, height = _layout(page)
    stored = np.dtype(f"{byteorder}u{page.bitspersample // 8}")
    size = stored.itemsize * per_pixel  # of a pixel in a plane
    across, down = -(-page.imagewidth // width), -(-page.imagelength // height)
    columns = page.imagewidth
    if page.predictor == _FLOATING:
        columns = across * width  # each row of a tile was sorted whole
        if columns > 2 * page.imagewidth + 1024:
            raise ValueError("its tiles are far wider than the picture")
    found = []
    for plane in range(planes):
        part = slice(plane * across * down, (plane + 1) * across * down)
        offsets, sizes = page.dataoffsets[part], page.databytecounts[part]
        shape = (page.imagelength, columns * size)
        if page.compression == _NONE:
            rows = _uncompressed(data, offsets, sizes, shape, (height, width * size))
        else:
            tile = (height, width * size) if page.is_tiled else None
            rows = _decompressed(data, page.compression, offsets, sizes, shape, tile or height)
        if page.predictor == _FLOATING and page.compression in _PREDICTED:
            rows = _in_order(rows.reshape(len(rows), across, -1), per_pixel, stored.itemsize)
            stored = stored.newbyteorder(">")
        samples = rows.view(stored).astype(stored.newbyteorder("="))
        samples = samples.reshape(page.imagelength, columns, per_pixel)[:, : page.imagewidth]
        if page.predictor == _HORIZONTAL and page.compression in _PREDICTED:
            for start in range(0, page.imagewidth, width):
                piece = samples[:, start : start + width]
                np.cumsum(piece, axis=1, dtype=samples.dtype, out=piece)
        elif page.predictor not in (1, _HORIZONTAL, _FLOATING):
            raise PictureError(f"has the predictor {int(page.predictor)}, which is not known")
        found.append(samples)
    whole = found[0] if planes == 1 else np.concatenate(found, axis=2)
    if _forms(page) == (3,):
        whole = np.ascontiguousarray(whole).view(f"f{whole.itemsize}")
    return whole


def _in_order(rows: np.ndarray, per_pixel: int, size: int) -> np.ndarray:
    """Undo the floating-point predictor: bytes ``(H, tiles, W)`` to big-endian ``(H, bytes)``."""
    height, tiles, _ = rows.shape
    summed = np.cumsum(rows.reshape(height, tiles, -1, per_pixel), axis=2, dtype=np.uint8)
    planes = summed.reshape(height, tiles, size, -1)
    return np.ascontiguousarray(planes.transpose(0, 1, 3, 2)).reshape(height, -1)


def _uncompressed(
    data: bytes, offsets: Any, sizes: Any, shape: tuple[int, int], piece: tuple[int, int]
) -> np.ndarray:
    """Put strips or tiles of bytes together."""
    rows = np.empty(shape, np.uint8)
    places = [(y, x) for y in range(0, shape[0], piece[0]) for x in range(0, shape[1], piece[1])]
    for (y, x), offset, size in zip(places, offsets, sizes, strict=True):
        target = rows[y : y + piece[0], x : x + piece[1]]
        height = min(piece[0], size // piece[1])
        if height < target.shape[0]:
            raise ValueError("a strip or tile is too short")
        source = np.frombuffer(data, np.uint8, height * piece[1], offset).reshape(height, -1)
        target[:] = source[: target.shape[0], : target.shape[1]]
    return rows


def _decompressed(
    data: bytes, compression: int, offsets: Any, sizes: Any, shape: tuple[int, int], piece: Any
) -> np.ndarray:
    """Let libtiff unpack strips or tiles of bytes, which bounds what they may become.

    It is handed a directory of its own, of an 8-bit grey picture with a pixel for each byte.
    """
    tags: list[tuple[int, tuple[int, ...]]] = [
        *((256, (shape[1],)), (257, (shape[0],)), (258, (8,)), (259, (int(compression),))),
        *((262, (_BLACK_IS_ZERO,)), (277, (1,))),
    ]
    if isinstance(piece, int):
        tags += [(273, tuple(offsets)), (278, (piece,)), (279, tuple(sizes))]
    else:
        tags += [(322, (piece[1],)), (323, (piece[0],)), (324, tuple(offsets)), (325, tuple(sizes))]
    body = bytearray(data) + bytes(len(data) % 2)
    directory, values = struct.pack("<H", len(tags)), b""
    values_at = len(body) + 2 + 12 * len(tags) + 4
    for tag, numbers in sorted(tags):
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        inside = packed if len(numbers) == 1 else struct.pack("<I", values_at + len(values))
        values += b"" if len(numbers) == 1 else packed
        directory += struct.pack("<HHI", tag, 4, len(numbers)) + inside
    body[:8] = struct.pack("<2sHI", b"II", 42, len(body))
    body += directory + bytes(4) + values
    return np.asarray(_Unlimited(io.BytesIO(body)))


def _interpreted(samples: np.ndarray, page: Any, notes: list[str]) -> np.ndarray:
    """Grey or RGB, with alpha that is not multiplied in, or more than four bands."""
    colours = 3 if page.photometric == _RGB else 1
    extra = samples.shape[2] - colours
    if extra < 0:
        raise ValueError(f"RGB of {samples.shape[2]} channels")
    kinds = page.tags.valueof(338)
    if kinds is None:
        kinds = (2,) if extra == 1 else ()  # left out by many programs
    kinds = [int(kind) for kind in (kinds if isinstance(kinds, tuple) else (kinds,))][:extra]
    alpha = next((place for place, kind in enumerate(kinds) if kind in _ALPHA), None)
    if samples.shape[2] > 4 and alpha is None and page.photometric != _WHITE_IS_ZERO:
        return samples  # bands of some instrument
    if extra > (alpha is not None):
        notes.append("channels that are neither colour nor transparency were left behind")
    colour = samples[:, :, :colours]
    mask = None if alpha is None else samples[:, :, colours + alpha :][:, :, :1]
    if mask is not None and alpha is not None and kinds[alpha] == _ASSOCIATED:
        colour = divided_by_alpha(colour, mask)
    if page.photometric == _WHITE_IS_ZERO:
        if samples.dtype not in LARGEST:
            raise PictureError("has floating-point samples of which 0 is white; invert it")
        colour = np.iinfo(samples.dtype).max - colour
    return np.ascontiguousarray(colour if mask is None else np.concatenate([colour, mask], 2))


def _profile(page: Any, notes: list[str]) -> bytes | None:
    profile = page.tags.valueof(34675)
    if profile is not None and not (isinstance(profile, bytes) and len(profile) <= MAX_BYTES):
        notes.append("a damaged or huge colour profile was left behind")
        return None
    return profile


def _resolution(page: Any) -> tuple[float, float] | None:
    try:
        unit = _UNITS[int(page.tags.valueof(296, 2))]
        (a, b), (c, d) = page.tags.valueof(282), page.tags.valueof(283)
        return (a / b * unit, c / d * unit) if a and c else None
    except (TypeError, ValueError, KeyError, ZeroDivisionError):
        return None
