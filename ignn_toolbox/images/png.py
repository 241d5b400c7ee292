"""PNG files: their chunks, colour keys of every depth, 16 bits, and what they say of colour."""

import io
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from PIL import PngImagePlugin

from .metadata import MAX_BYTES, MAX_TEXT, bounded_xmp, cleaned_exif
from .picture import Picture, PictureError

Chunk = tuple[bytes, bytes]
Admit = Callable[[int, int], None]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
# What numbers mean (gamma, primaries, mastering display), resolution, and text.
_COLOUR = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI")
_TEXT = (b"tEXt", b"zTXt", b"iTXt")
_XMP = b"XML:com.adobe.xmp\0\0\0\0\0"  # not compressed, of no language
_METRE = 0.0254  # an inch


def read_png(data: bytes, admit: Admit) -> Picture:
    """Decode a PNG file; see `decode_picture`.

    Only the chunks that hold pixels are shown to a decoder: no text or profile, however large,
    keeps a picture from being read.
    """
    chunks = list(_walk(data))
    width, height, depth, colour_type = struct.unpack(">IIBB", chunks[0][1][:10])
    admit(width, height)
    first = next(place for place, (kind, _) in enumerate(chunks) if kind == b"IDAT")
    frames = [content for kind, content in chunks[:first] if kind == b"acTL"]
    if frames and frames[0][:4] != b"\0\0\0\1":
        raise PictureError("is animated; extract its frames first")
    named = dict(reversed(chunks))  # the first of a kind counts
    shown = {b"IHDR", b"IDAT", b"IEND"}
    if colour_type == _PALETTE:
        shown |= {b"PLTE", b"tRNS"}
    bare = _file(chunk for chunk in chunks if chunk[0] in shown)
    pixels = _decode(bare, depth, colour_type, b"tRNS" in named)
    if colour_type in (_GREY, _RGB) and b"tRNS" in named:
        pixels = _keyed(pixels, named[b"tRNS"], depth)
    notes: list[str] = []
    packets = (c[len(_XMP) :] for kind, c in chunks if kind == b"iTXt" and c.startswith(_XMP))
    return Picture(
        pixels,
        "png",
        cleaned_exif(named.get(b"eXIf"), notes),
        _profile(named.get(b"iCCP"), notes),
        bounded_xmp(next(packets, None), notes),
        _resolution(named.get(b"pHYs")),
        _kept(chunks, notes),
        tuple(notes),
    )


def with_chunks(data: bytes, picture: Picture) -> bytes:
    """Put what a picture says beside its pixels into a bare PNG file."""
    bare = list(_walk(data))
    added: list[Chunk] = [chunk for chunk in picture.chunks if chunk[0] in _COLOUR]
    if picture.icc_profile:
        added.append((b"iCCP", b"icc\0\0" + zlib.compress(picture.icc_profile)))
    if picture.resolution:
        across, down = (max(0, round(value / _METRE)) for value in picture.resolution)
        added.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if picture.exif:
        added.append((b"eXIf", picture.exif.removeprefix(b"Exif\0\0")))
    if picture.xmp:
        added.append((b"iTXt", _XMP + picture.xmp))
    added += [chunk for chunk in picture.chunks if chunk[0] in _TEXT]
    return _file([bare[0], *added, *bare[1:]])


def encode_png16(pixels: np.ndarray) -> bytes:
    """Encode uint16 pixels as a bare PNG file; neither Pillow nor OpenCV does all four kinds."""
    height, width, channels = pixels.shape
    colour_type = {1: _GREY, 2: _GREY_ALPHA, 3: _RGB, 4: _RGBA}[channels]
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = 2  # the filter "Up": each byte less the one above it
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    content = zlib.compress(filtered.tobytes())
    return _file([(b"IHDR", header), (b"IDAT", content), (b"IEND", b"")])


def says_other_colours(chunks: Iterable[Chunk]) -> bool:
    """Tell whether colour chunks say other than sRGB, which is what a file without them means."""
    named = dict(chunks)
    if b"cICP" in named:
        return named[b"cICP"][:2] != b"\x01\x0d"  # BT.709 primaries, sRGB's transfer
    if b"sRGB" in named:
        return False
    gamma = int.from_bytes(named.get(b"gAMA", b""), "big") or 45_455
    wanted = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    return abs(gamma - 45_455) > 500 or named.get(b"cHRM", wanted) != wanted


def _walk(data: bytes) -> Iterator[Chunk]:
    """Yield kind and content of every chunk up to the end's.

    Chunks that a reader may ignore (their kind begins with a small letter) are left out where
    their checksum is wrong.

    Raises:
        ValueError: The file ends before it, or does not begin as a PNG file must.
    """
    place = len(_SIGNATURE)
    kind, pixels = b"", False
    while kind != b"IEND":
        if len(data) < place + 12:
            raise ValueError("its end is missing")
        length = int.from_bytes(data[place : place + 4], "big")
        kind = data[place + 4 : place + 8]
        if (place == len(_SIGNATURE)) != (kind == b"IHDR") or (kind == b"IHDR" and length != 13):
            raise ValueError("it does not begin with its only header")
        if len(data) < place + 12 + length:
            raise ValueError("its end is missing")
        content = data[place + 8 : place + 8 + length]
        place += 12 + length
        if _checksum(kind, content) == data[place - 4 : place]:
            pixels |= kind == b"IDAT"
            yield kind, content
        elif not kind[0] & 0x20:
            raise ValueError(f"the checksum of {kind.decode('latin-1')!r} is wrong")
    if not pixels:
        raise ValueError("it holds no pixels")


def _checksum(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def _file(chunks: Iterable[Chunk]) -> bytes:
    parts = [_SIGNATURE]
    for kind, content in chunks:
        parts += [struct.pack(">I", len(content)), kind, content, _checksum(kind, content)]
    return b"".join(parts)


def _decode(data: bytes, depth: int, colour_type: int, has_key: bool) -> np.ndarray:
    """Decode a file of bare pixels into ``(H, W, C)``."""
    image = PngImagePlugin.PngImageFile(io.BytesIO(data))
    image.load()  # also for 16 bits, where it only serves to notice damage: OpenCV does not
    if depth < 16:
        mode = {_PALETTE: "RGBA" if has_key else "RGB", _GREY: "L"}.get(colour_type, image.mode)
        pixels = np.array(image if image.mode == mode else image.convert(mode))
        return pixels if pixels.ndim == 3 else pixels[:, :, None]
    # Pillow reduces 16-bit colour to 8 bits.
    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16:
        raise ValueError("its 16 bits a channel cannot be decoded")
    if deep.ndim == 2:
        return deep[:, :, None]
    if colour_type == _GREY_ALPHA:
        return np.ascontiguousarray(deep[:, :, [0, 3]])
    return cv2.cvtColor(deep, cv2.COLOR_BGRA2RGBA if deep.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def _keyed(pixels: np.ndarray, key: bytes, depth: int) -> np.ndarray:
    """Add alpha: a pixel of the key's colour is transparent. The key counts in the file's depth."""
    channels = pixels.shape[2]
    if len(key) < 2 * channels:
        return pixels
    largest = np.iinfo(pixels.dtype).max
    colour = np.frombuffer(key, ">u2", channels).astype(np.uint32)
    colour = colour * largest // (2**depth - 1)
    alpha = np.where((pixels == colour).all(2), 0, largest).astype(pixels.dtype)
    return np.dstack([pixels, alpha])


def _profile(chunk: bytes | None, notes: list[str]) -> bytes | None:
    if chunk is None:
        return None
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(chunk[chunk.index(0) + 2 :], MAX_BYTES)
    except (ValueError, zlib.error):
        profile = b""
    if not profile or unpacker.unconsumed_tail:
        notes.append("a damaged or huge colour profile was left behind")
        return None
    return profile


def _resolution(chunk: bytes | None) -> tuple[float, float] | None:
    if chunk is None or len(chunk) != 9 or chunk[8] != 1:
        return None
    across, down = struct.unpack(">II", chunk[:8])
    return (across * _METRE, down * _METRE) if across and down else None


def _kept(chunks: list[Chunk], notes: list[str]) -> tuple[Chunk, ...]:
    first = dict(reversed([chunk for chunk in chunks if chunk[0] in _COLOUR]))
    text = [c for c in chunks if c[0] in _TEXT and not c[1].startswith(_XMP)]
    if sum(len(content) for _, content in text) > MAX_TEXT:
        notes.append(f"more than {MAX_TEXT >> 20} MiB of text was left behind")
        text = []
    return (*((kind, first[kind]) for kind in _COLOUR if kind in first), *text)
