"""JPEG files: their segments, and whether they come to an end."""

import io
import re
from collections.abc import Callable

from PIL import JpegImagePlugin

from .colour import pixels_of
from .metadata import MAX_BYTES, bounded_xmp, cleaned_exif
from .picture import Picture, PictureError

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP1, _APP2, _APP13 = 0xE0, 0xE1, 0xE2, 0xED
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of a frame, by its coding
_INCH, _CENTIMETRE = 1, 2
_PROFILE = b"ICC_PROFILE\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
LONGEST_XMP = 65_533 - len(_XMP)
_MARKER = re.compile(rb"\xff+([\x02-\xcf\xd8-\xfe])")
_END = b"\xff\xd9"


def read_jpeg(data: bytes, admit: Callable[[int, int], None]) -> Picture:
    """Decode a JPEG file; see `decode_picture`.

    Phone cameras add previews as further pictures behind the first; that one is the photo.
    """
    segments = _walk(data)
    frame = next((content for kind, content in segments if kind in _FRAMES), None)
    if frame is None or len(frame) < 6:
        raise ValueError("it has no frame")
    if frame[0] != 8:
        raise PictureError(f"has {frame[0]} bits a channel, which no JPEG decoder here takes")
    admit(int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big"))
    notes: list[str] = []
    profile = _profile([content for kind, content in segments if kind == _APP2], notes)
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    pixels, profile = pixels_of(image, profile, notes)
    if _first(segments, _APP13, b"Photoshop 3.0\0"):
        notes.append("IPTC was left behind")
    density = _first(segments, _APP0, b"JFIF\0")
    return Picture(
        pixels,
        "jpg",
        cleaned_exif(_first(segments, _APP1, b"Exif\0\0"), notes),
        profile,
        bounded_xmp(_first(segments, _APP1, _XMP), notes),
        _density(density) if density else None,
        notes=tuple(notes),
    )


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """Put an XMP packet of at most `LONGEST_XMP` bytes into a JPEG file, behind its first block."""
    place = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    content = _XMP + packet
    segment = b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content
    return data[:place] + segment + data[place:]


def _first(segments: list[tuple[int, bytes]], kind: int, beginning: bytes) -> bytes | None:
    """The content, behind its name, of the first segment of a name."""
    found = (c for marker, c in segments if marker == kind and c.startswith(beginning))
    return next((content[len(beginning) :] for content in found), None)


def _walk(data: bytes) -> list[tuple[int, bytes]]:
    """Return marker and content of every segment before the pixels.

    Raises:
        ValueError: The picture does not end.
    """
    segments: list[tuple[int, bytes]] = []
    place = 2
    while (found := _MARKER.search(data, place)) is not None:
        kind, place = found[1][0], found.end()
        if kind in (_SOI, _EOI):
            continue
        length = max(int.from_bytes(data[place : place + 2], "big"), 2)
        segments.append((kind, data[place + 2 : place + length]))
        place += length
        if kind == _SOS:
            break
    if data.find(_END, place) < 0:
        raise ValueError("its end is missing")
    return segments


def _profile(segments: list[bytes], notes: list[str]) -> bytes | None:
    """The colour profile, put together from its numbered parts."""
    parts = {c[12]: c for c in segments if c.startswith(_PROFILE) and len(c) > 14}
    if not parts:
        return None
    count = next(iter(parts.values()))[13]
    profile = b"".join(parts[number][14:] for number in sorted(parts))
    if sorted(parts) != list(range(1, count + 1)) or len(profile) > MAX_BYTES:
        notes.append("a damaged or huge colour profile was left behind")
        return None
    return profile


def _density(segment: bytes) -> tuple[float, float] | None:
    unit, across, down = segment[2:3], segment[3:5], segment[5:7]
    factor = {_INCH: 1.0, _CENTIMETRE: 2.54}.get(int.from_bytes(unit, "big"), 0.0)
    values = int.from_bytes(across, "big") * factor, int.from_bytes(down, "big") * factor
    return values if all(values) else None
