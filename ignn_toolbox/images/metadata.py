"""What files say beside their pixels: EXIF without its record of the size, bounds on the rest."""

import io

from PIL import Image

MAX_BYTES = 15 * 2**20  # of a profile or an EXIF block; JPEG holds no longer profile
MAX_TEXT = 2**20
_LEFT = "a damaged or huge EXIF block was left behind"

# Sizes that EXIF repeats; after upscaling they would be wrong.
_STALE_TAGS = (0x0100, 0x0101)
_STALE_EXIF_TAGS = (0xA002, 0xA003)
_EXIF_IFD = 0x8769
# Of a TIFF file's directory: description, maker, model, software, date, artist, copyright, and
# where the camera's own tags and the place lie.
_TIFF_EXIF = {0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, _EXIF_IFD, 0x8825}


def bounded_xmp(packet: object, notes: list[str]) -> bytes | None:
    """Return an XMP packet, unless it is huge or none; then ``notes`` is told."""
    if packet is None:
        return None
    if isinstance(packet, bytes) and len(packet) <= MAX_TEXT:
        return packet
    notes.append("a damaged or huge XMP packet was left behind")
    return None


def exif_of_tiff(data: bytes, directory: int, tags: set[int], notes: list[str]) -> bytes | None:
    """Return what a TIFF file says beside its pixels as an EXIF block.

    Args:
        data: All of the file.
        directory: Where in it the page's directory begins.
        tags: What stands in that directory.
        notes: Is told when it is left behind.

    Returns:
        A block that begins with ``Exif``, without the way up (the pixels are turned) and the
        size; None where there is nothing to keep.
    """
    wanted = tags & _TIFF_EXIF
    if not wanted:
        return None
    try:
        file, exif = Image.Exif(), Image.Exif()
        file.endian, file.bigtiff = (
            "<" if data[:2] == b"II" else ">",
            data[2:4].strip(b"\0") == b"+",
        )
        file.load_from_fp(io.BytesIO(data), directory)
        exif.endian = file.endian
        for tag in sorted(wanted):
            exif[tag] = file.get_ifd(tag) if tag in (_EXIF_IFD, 0x8825) else file[tag]
        return cleaned_exif(exif.tobytes(), notes)
    except Exception:  # no reason to refuse the picture
        notes.append(_LEFT)
        return None


def cleaned_exif(block: bytes | None, notes: list[str]) -> bytes | None:
    """Return an EXIF block without its record of the size.

    Args:
        block: As in the file, with or without ``Exif`` before it.
        notes: Is told when a block is left behind.

    Returns:
        A block that begins with ``Exif``, or None where there is nothing to keep.
    """
    if not block:
        return None
    try:
        if len(block) > MAX_BYTES:
            raise ValueError("it is huge")
        exif = Image.Exif()
        exif.load(block)
        for tag in _STALE_TAGS:
            exif.pop(tag, None)
        if _EXIF_IFD in exif:
            for tag in _STALE_EXIF_TAGS:
                exif.get_ifd(_EXIF_IFD).pop(tag, None)
        return exif.tobytes() if len(exif) else None
    except Exception:  # no reason to refuse the picture
        notes.append(_LEFT)
        return None
