"""Finding out which folders hold the LR images of which others."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

SCALES = (2, 3, 4, 8)
TOLERANCE = 2  # LR pixels by which a pair may miss its size and still be taken for one


@dataclass(frozen=True, eq=False)
class Picture:
    """One examined file.

    Attributes:
        path: The file.
        size: (height, width); zeros when it is unreadable.
        thumb: (32, 32), float32, grey; empty when it is unreadable.
        error: Why it cannot be read, or ``None``.
    """

    path: Path
    size: tuple[int, int]
    thumb: np.ndarray
    error: str | None


@dataclass(frozen=True)
class FolderPair:
    """A folder of LR images and the folder of their HR images.

    Attributes:
        lr: Folder of LR images.
        hr: Folder of HR images.
        scale: The scale between them.
        ending: What LR stems add to HR stems.
        pairs: (LR, HR), joined by name.
        only_lr: LR stems that have no HR image.
        only_hr: HR stems that have no LR image.
    """

    lr: Path
    hr: Path
    scale: int
    ending: str
    pairs: Sequence[tuple[Picture, Picture]]
    only_lr: Sequence[str]
    only_hr: Sequence[str]

    def lr_stem(self, stem: str) -> str:
        """Stem of the LR file of an HR stem."""
        return stem + self.ending


def find_pairs(folders: Mapping[Path, Sequence[Picture]]) -> list[FolderPair]:
    """For each folder, the folders of which it holds the LR images, at most one a scale.

    Names decide, with or without an ending that contains the scale (``x2``, ``_LRBI_x2``); most of
    the joined images must have sizes about ``scale`` apart. The folder with most such images wins;
    between equals the one nearest in the tree.
    """
    found: list[FolderPair] = []
    for lr in folders:
        best: dict[int, FolderPair] = {}
        for hr in folders:
            for scale in SCALES:
                pair = _join(lr, hr, scale, folders) if hr != lr else None
                if pair and (scale not in best or _rank(pair) > _rank(best[scale])):
                    best[scale] = pair
        # Files of another scale in the same folder have their partner in that scale's pair.
        joined = {a.path.stem for pair in best.values() for a, _ in pair.pairs}
        for number, pair in enumerate(best.values()):
            alone = [stem for stem in pair.only_lr if stem not in joined]
            found.append(replace(pair, only_lr=[] if number else alone))
    return found


def _join(
    lr: Path, hr: Path, scale: int, folders: Mapping[Path, Sequence[Picture]]
) -> FolderPair | None:
    hr_files = {picture.path.stem: picture for picture in folders[hr]}
    pairs, only_lr, endings = [], [], set()
    for picture in folders[lr]:
        stem = picture.path.stem
        bare = next((name for name in _bare_names(stem, scale) if name in hr_files), None)
        if bare is None:
            only_lr.append(stem)
        else:
            pairs.append((picture, hr_files[bare]))
            endings.add(stem.removeprefix(bare))
    if 2 * sum(_fits(a, b, scale) for a, b in pairs) <= len(pairs):
        return None
    joined = {b.path.stem for _, b in pairs}
    only_hr = [stem for stem in hr_files if stem not in joined]
    return FolderPair(lr, hr, scale, min(endings, key=len, default=""), pairs, only_lr, only_hr)


def _bare_names(stem: str, scale: int) -> list[str]:
    """What the HR stem may be: the stem itself, without ``x2``, and without ``_LRBI_x2``."""
    endings = rf"[_-]?x{scale}$", rf"[_-][A-Za-z0-9]+[_-]x{scale}$"
    return [stem, *(re.sub(ending, "", stem, flags=re.IGNORECASE) for ending in endings)]


def _fits(lr: Picture, hr: Picture, scale: int) -> bool:
    return all(abs(b / scale - a) <= TOLERANCE for a, b in zip(lr.size, hr.size, strict=True))


def _rank(pair: FolderPair) -> tuple[int, int]:
    """How well two folders belong together: images joined, then nearness in the tree."""
    common = sum(x == y for x, y in zip(pair.lr.parts, pair.hr.parts, strict=False))
    return len(pair.pairs), 2 * common - len(pair.lr.parts) - len(pair.hr.parts)
