"""Finding the same picture twice, whatever its size, compression, flip or rotation."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import cv2
import numpy as np

SIDE = 32
MAX_BITS = 10  # of 63; unrelated pictures differ in about half of them
MIN_CORRELATION = 0.95

Key = TypeVar("Key")


def thumbnail(image: np.ndarray) -> np.ndarray:
    """A square grey thumbnail (32, 32), float32, of an image (H, W, 3), uint8, RGB."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)


def perceptual_hash(thumb: np.ndarray) -> np.ndarray:
    """63 bits: which of the lowest cosine coefficients exceed their median."""
    low = cv2.dct(thumb)[:8, :8].ravel()[1:]
    return low > np.median(low)


def orientations(thumb: np.ndarray) -> list[np.ndarray]:
    """The eight flips and rotations of a square thumbnail, the given one first."""
    return [
        np.ascontiguousarray(np.rot90(flipped, turns))
        for flipped in (thumb, thumb[:, ::-1])
        for turns in range(4)
    ]


def find_duplicates(
    first: Mapping[Key, np.ndarray], second: Mapping[Key, np.ndarray]
) -> list[tuple[Key, Key, str]]:
    """Pairs of one picture of each group that show the same.

    Candidates have hashes that differ in at most 10 of 63 bits; they count when their thumbnails
    also correlate by 0.95 or more, which unrelated flat pictures do not.

    Args:
        first: Thumbnails by name.
        second: Thumbnails by name.

    Returns:
        (name in ``first``, name in ``second``, how the first is turned).
    """
    if not first or not second:
        return []
    keys, others = list(first), list(second)
    hashes = np.stack([perceptual_hash(second[other]) for other in others])
    found = []
    for key in keys:
        for turn, thumb in enumerate(orientations(first[key])):
            bits = (hashes != perceptual_hash(thumb)).sum(1)
            for index in np.flatnonzero(bits <= MAX_BITS):
                if _correlation(thumb, second[others[index]]) >= MIN_CORRELATION:
                    found.append((key, others[index], _describe(turn)))
    return _first_of_each(found)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def _describe(turn: int) -> str:
    parts = ["mirrored"] * (turn >= 4) + [f"rotated by {90 * (turn % 4)} degrees"] * (turn % 4 > 0)
    return " and ".join(parts) or "upright"


def _first_of_each(found: Sequence[tuple[Key, Key, str]]) -> list[tuple[Key, Key, str]]:
    unique: dict[tuple[Key, Key], tuple[Key, Key, str]] = {}
    for row in found:
        unique.setdefault(row[:2], row)
    return list(unique.values())
