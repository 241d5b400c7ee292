"""What TIFF files say beside their pixels as tags: texts, and where on Earth a picture lies."""

from typing import Any

import numpy as np

Tag = tuple[int, int, int, Any]  # code, type and count as in the file, value

TEXT = {270, 271, 272, 306, 315, 316, 33432}  # description, make, model, time, artist, ...
_DESCRIPTION = 270
_SCALE, _TIE_POINTS, _MATRIX, _KEYS = 33550, 33922, 34264, 34735
GEO = {_SCALE, _TIE_POINTS, _MATRIX, _KEYS, 34736, 34737, 42112, 42113}
_PLACES = {_SCALE, _TIE_POINTS, _MATRIX}
_RASTER_TYPE, _PIXEL_IS_POINT = 1025, 2
_MOST = 2**20  # values of a tag


def kept_tags(page: Any, turned: bool, notes: list[str]) -> tuple[Tag, ...]:
    """Return the tags of a page that go on into another TIFF file.

    Args:
        page: Of tifffile.
        turned: Whether the pixels were turned upright, after which no place on Earth is right.
        notes: Is told what is left behind.
    """
    found: list[Tag] = []
    try:
        for tag in page.tags:
            if tag.code in TEXT | GEO and tag.count <= _MOST:
                value = tag.value.encode("utf-8") if isinstance(tag.value, str) else tag.value
                if tag.code == _DESCRIPTION and _holds_sizes(value):
                    continue  # programs that write it read it, and the sizes would be wrong
                count = len(value) if isinstance(value, bytes) else tag.count
                found.append((tag.code, int(tag.dtype), count, value))
    except Exception:  # no reason to refuse the picture
        notes.append("damaged tags were left behind")
        return ()
    if turned and any(code in _PLACES for code, *_ in found):
        notes.append("the place on Earth was left behind, because the picture was turned upright")
        found = [tag for tag in found if tag[0] not in GEO]
    return tuple(found)


def _holds_sizes(description: Any) -> bool:
    """Whether a description is for tifffile, ImageJ or OME rather than for people."""
    text = description if isinstance(description, bytes) else b""
    return text.startswith((b'{"shape"', b"ImageJ=")) or b"<OME " in text[:4096]


def enlarged_tags(tags: tuple[Tag, ...], down: float, across: float) -> tuple[Tag, ...]:
    """Return the tags of a picture that was made larger: each place on Earth stays where it is.

    Args:
        tags: Of the picture before.
        down: New height over old.
        across: New width over old.
    """
    keys = next((value for code, _, _, value in tags if code == _KEYS), ())
    entries = dict(zip(keys[4::4], keys[7::4], strict=False))
    # a raster's coordinates are those of pixels' corners, or of their centres
    half = 0.5 if entries.get(_RASTER_TYPE) == _PIXEL_IS_POINT else 0.0
    factors = np.array([across, down, 1.0])
    made: list[Tag] = []
    for code, kind, count, value in tags:
        if code == _SCALE and len(value) == 3:
            value = tuple(np.array(value) / factors)
        elif code == _TIE_POINTS and len(value) % 6 == 0:
            points = np.array(value, float).reshape(-1, 6)
            points[:, :2] = (points[:, :2] + half) * factors[:2] - half
            value = tuple(points.ravel())
        elif code == _MATRIX and len(value) == 16:
            back = np.diag([*(1 / factors), 1.0])
            back[:2, 3] = half / factors[:2] - half
            value = tuple((np.array(value, float).reshape(4, 4) @ back).ravel())
        made.append((code, kind, count, value))
    return tuple(made)
