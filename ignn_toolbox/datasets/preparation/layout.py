"""Finding out which folders hold the LR images of which others."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..file_list import some

SCALES = (2, 3, 4, 8)
TOLERANCE = 2  # LR pixels by which a pair may miss its size and still be taken for one

_ALIKE = 0.9  # least correlation of coarse thumbnails of the same picture
_FLAT = 16.0  # most contrast (grey levels, as a sum of squares' root) of one that cannot tell


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
        only_hr: HR stems that have no LR image of the scale.
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


def find_pairs(
    folders: Mapping[Path, Sequence[Picture]],
) -> tuple[list[FolderPair], list[str]]:
    """Find the folders that hold the LR images of others.

    Names suggest, with or without an ending that contains the scale (``x2``, ``_LRBI_x2``); most
    of the joined images must have sizes about ``scale`` apart and show the same. Of several folders
    that which shows the same most often wins, then that with more images of exact size, then that
    whose path has more words in common, then the nearest in the tree.

    Returns:
        The pairs of folders, and a sentence for each that could not be told.
    """
    found: list[FolderPair] = []
    doubts: list[str] = []
    for lr, pictures in folders.items():
        own: list[FolderPair] = []
        for scale in SCALES:
            left = list(pictures)
            others = [hr for hr in folders if hr != lr]
            while pair := _best(lr, left, scale, others, folders, doubts):
                own.append(pair)
                joined = {picture.path for picture, _ in pair.pairs}
                left = [picture for picture in left if picture.path not in joined]
                others.remove(pair.hr)
        if own:
            joined = {picture.path for pair in own for picture, _ in pair.pairs}
            alone = [picture.path.stem for picture in pictures if picture.path not in joined]
            found += [replace(own[0], only_lr=alone), *own[1:]]
    found = [pair for pair in found if not _is_by_way_of_another(pair, found)]
    return [replace(pair, only_hr=_without_lr(pair, found, folders)) for pair in found], doubts


def _best(
    lr: Path,
    pictures: Sequence[Picture],
    scale: int,
    others: Sequence[Path],
    folders: Mapping[Path, Sequence[Picture]],
    doubts: list[str],
) -> FolderPair | None:
    """The folder to which LR images belong, if one holds most of those that names suggest."""
    joins = [pair for hr in others if (pair := _join(lr, pictures, hr, scale, folders[hr]))]
    ranks = [_rank(pair, folders[pair.hr]) for pair in joins]
    related = [(rank, pair) for rank, pair in zip(ranks, joins, strict=True) if rank.is_related]
    if not related:
        if joins:
            doubts.append(
                f"{lr}: names and sizes suggest x{scale} LR images of "
                f"{some(str(pair.hr) for pair in joins)}, but the pictures are others; not compared"
            )
        return None
    best, chosen = max(related, key=lambda item: item[0])
    equal = [str(pair.hr) for rank, pair in related if rank == best]
    if len(equal) > 1:
        doubts.append(
            f"{lr}: x{scale} LR images of {' or of '.join(equal)}, which cannot be told; compared "
            f"with {chosen.hr}"
        )
    return chosen


def _join(
    lr: Path, pictures: Sequence[Picture], hr: Path, scale: int, hr_pictures: Sequence[Picture]
) -> FolderPair | None:
    hr_files = {picture.path.stem: picture for picture in hr_pictures}
    pairs, endings = [], set()
    for picture in pictures:
        stem = picture.path.stem
        bare = next((name for name in _bare_names(stem, scale) if name in hr_files), None)
        if bare is not None:
            pairs.append((picture, hr_files[bare]))
            endings.add(stem.removeprefix(bare))
    if 2 * sum(_fits(a, b, scale) for a, b in pairs) <= len(pairs):
        return None
    return FolderPair(lr, hr, scale, min(endings, key=len, default=""), pairs, [], [])


def _bare_names(stem: str, scale: int) -> list[str]:
    """What the HR stem may be: the stem itself, without ``x2``, and without ``_LRBI_x2``."""
    endings = rf"[_-]?x{scale}$", rf"[_-][A-Za-z0-9]+[_-]x{scale}$"
    return [stem, *(re.sub(ending, "", stem, flags=re.IGNORECASE) for ending in endings)]


def _fits(lr: Picture, hr: Picture, scale: int) -> bool:
    return all(abs(b / scale - a) <= TOLERANCE for a, b in zip(lr.size, hr.size, strict=True))


class _Rank(NamedTuple):
    """How well two folders belong together; what comes first weighs more.

    Attributes:
        alike: Number of LR images that show the same as one of the HR images.
        exact: Number of LR images of exactly the size that theirs asks for.
        words: Number of words that both paths contain.
        nearness: In the tree.
        is_related: Whether most of the images that can tell show the same; or none can tell.
    """

    alike: int
    exact: int
    words: int
    nearness: int
    is_related: bool


def _rank(pair: FolderPair, hr_pictures: Sequence[Picture]) -> _Rank:
    telling = [(a, b) for a, b in pair.pairs if _normal(a).any() and _normal(b).any()]
    alike = 0
    if telling:
        lrs = np.stack([_normal(picture) for picture, _ in telling])
        hrs = np.stack([_normal(picture) for _, picture in telling])
        own = (lrs * hrs).sum(1) >= _ALIKE
        everywhere = np.stack([_normal(picture) for picture in hr_pictures])
        others = (lrs[~own] @ everywhere.T >= _ALIKE).any(1)  # swapped among themselves
        alike = int(own.sum() + others.sum())
    sizes = [(a.size, (b.size[0] // pair.scale, b.size[1] // pair.scale)) for a, b in pair.pairs]
    common = sum(x == y for x, y in zip(pair.lr.parts, pair.hr.parts, strict=False))
    return _Rank(
        alike,
        sum(size == wanted for size, wanted in sizes),
        len(_words(pair.lr) & _words(pair.hr)),
        2 * common - len(pair.lr.parts) - len(pair.hr.parts),
        2 * alike >= len(telling),
    )


def _normal(picture: Picture) -> np.ndarray:
    """A picture's thumbnail as a vector of length 1 without its mean; zeros if it is flat."""
    coarse = picture.thumb.reshape(16, 2, 16, 2).mean((1, 3)).ravel()
    centred = coarse - coarse.mean()
    length = float(np.linalg.norm(centred))
    return centred / length if length > _FLAT else np.zeros_like(centred)


def _words(path: Path) -> set[str]:
    """Words of a path: ``DIV2K_train_HR`` has ``div2k``, ``train`` and ``hr``."""
    return set(re.split(r"[^a-z0-9]+", str(path).lower())) - {""}


def _is_by_way_of_another(pair: FolderPair, pairs: Sequence[FolderPair]) -> bool:
    """Whether both folders hold LR images of a third: x4 beside x2 is no x2 of it."""
    above = {other.hr: other.scale for other in pairs if other.lr == pair.lr}
    return any(
        other.lr == pair.hr and above.get(other.hr) == pair.scale * other.scale for other in pairs
    )


def _without_lr(
    pair: FolderPair, pairs: Sequence[FolderPair], folders: Mapping[Path, Sequence[Picture]]
) -> list[str]:
    """HR stems without an LR image of the scale in any folder; told of one pair of folders only."""
    same = [other for other in pairs if (other.hr, other.scale) == (pair.hr, pair.scale)]
    joined = {hr.path.stem for other in same for _, hr in other.pairs}
    largest = max(same, key=lambda other: len(other.pairs))
    if pair is not largest:
        return []
    return [stem for picture in folders[pair.hr] if (stem := picture.path.stem) not in joined]
