"""What files say beside their pixels: EXIF without its record of the size, bounds on the rest."""

from PIL import Image

MAX_BYTES = 15 * 2**20  # of a profile or an EXIF block; JPEG holds no longer profile
MAX_TEXT = 2**20

# Sizes that EXIF repeats; after upscaling they would be wrong.
_STALE_TAGS = (0x0100, 0x0101)
_STALE_EXIF_TAGS = (0xA002, 0xA003)
_EXIF_IFD = 0x8769


def bounded_xmp(packet: object, notes: list[str]) -> bytes | None:
    """Return an XMP packet, unless it is huge or none; then ``notes`` is told."""
    if packet is None:
        return None
    if isinstance(packet, bytes) and len(packet) <= MAX_TEXT:
        return packet
    notes.append("a damaged or huge XMP packet was left behind")
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
        notes.append("a damaged or huge EXIF block was left behind")
        return None
