"""The one table of the kinds of picture files that are read and written."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FileFormat:
    """What a kind of file can hold.

    Attributes:
        name: As in `Picture.format`, and the first suffix.
        suffixes: Endings of file names, the preferred one first.
        alpha: It holds transparency.
        deep: It holds 16 bits a channel.
        floating: It holds floating point.
        largest_side: Most pixels a side.
    """

    name: str
    suffixes: tuple[str, ...]
    alpha: bool = False
    deep: bool = False
    floating: bool = False
    largest_side: int = 2**31 - 1


_KNOWN = (
    FileFormat("png", (".png",), alpha=True, deep=True),
    FileFormat("jpg", (".jpg", ".jpeg", ".jpe", ".jfif"), largest_side=65_500),
    FileFormat("webp", (".webp",), alpha=True, largest_side=16_383),
    FileFormat("tiff", (".tif", ".tiff"), alpha=True, deep=True, floating=True),
    FileFormat("bmp", (".bmp",), largest_side=2**31 - 1),
)
FORMATS = {kind.name: kind for kind in _KNOWN}
SUFFIXES = {suffix: kind.name for kind in _KNOWN for suffix in kind.suffixes}

# Other kinds by their first bytes, so that a message can name them.
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8": "jpg",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"BM": "bmp",
    b"GIF8": "GIF",
    b"8BPS": "Photoshop",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"%PDF": "PDF",
    b"<svg": "SVG",
}
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF"}


def kind_of(data: bytes) -> str | None:
    """Name the kind of file by its first bytes, whatever its name says.

    Returns:
        A key of `FORMATS`, the name of another known kind of picture, or None.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12])
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)
