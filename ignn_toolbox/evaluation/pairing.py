"""Which result file belongs to which ground truth."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from ..datasets.file_list import files_by_stem, some


@dataclass(frozen=True)
class Pairing:
    """Result files joined with ground truth.

    Attributes:
        pairs: Ground truth's stem to (result, ground truth), in the order of the names.
        missing: Ground truth that has no result.
        extra: Results that have no ground truth.
        suffix: What the results' names add to the ground truth's, beyond the known endings.
    """

    pairs: dict[str, tuple[Path, Path]]
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    suffix: str = ""


def pair_folders(sr_dir: str | Path, gt_dir: str | Path, scale: int) -> Pairing:
    """Join the images of two folders by name.

    Equal stems go together; then stems that are equal without the endings ``x2``, ``_x2`` (with the
    given scale), ``_SR``, ``_HR``, ``_GT`` and ``_LR``; then, when all that is left of the results
    adds one and the same ending to ground truth's names (``baby_RCAN_x4``), that ending is dropped.

    Args:
        sr_dir: Folder of results.
        gt_dir: Folder of ground truth.
        scale: Upscaling factor of the results.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: A folder holds no image, no name is common, or two results fit one ground truth.
    """
    sr, gt = files_by_stem(Path(sr_dir)), files_by_stem(Path(gt_dir))
    matches = {stem: [stem] for stem in gt if stem in sr}
    sr_left = [stem for stem in sr if stem not in gt]
    gt_left = {bare_name(stem, scale): stem for stem in gt if stem not in sr}
    for stem in list(sr_left):
        partner = gt_left.get(bare_name(stem, scale))
        if partner is not None:
            matches.setdefault(partner, []).append(stem)
            sr_left.remove(stem)
    suffix = ""
    gt_left = {bare: stem for bare, stem in gt_left.items() if stem not in matches}
    if sr_left and gt_left:
        suffix, found = _common_suffix(sr_left, gt_left)
        for stem, partner in found.items():
            matches.setdefault(partner, []).append(stem)
            sr_left.remove(stem)
    _check(matches, sr, gt, Path(sr_dir), Path(gt_dir))
    return Pairing(
        {stem: (sr[matches[stem][0]], gt[stem]) for stem in gt if stem in matches},
        [stem for stem in gt if stem not in matches],
        sr_left,
        suffix,
    )


def bare_name(stem: str, scale: int) -> str:
    """A stem without the endings that tell LR, SR and HR files of one image apart."""
    ending = re.compile(rf"(?:[_-]?x{scale}|[_-](?:sr|hr|gt|lr))$", re.IGNORECASE)
    while (shorter := ending.sub("", stem)) != stem and shorter:
        stem = shorter
    return stem


def _common_suffix(sr: list[str], gt: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The one ending that all of ``sr`` add to names of ``gt``, and the pairs it makes."""
    pairs: dict[str, str] = {}
    suffixes: set[str] = set()
    for stem in sr:
        fits = [bare for bare in gt if stem.startswith(bare)]
        if not fits:
            continue
        bare = max(fits, key=len)
        pairs[stem] = gt[bare]
        suffixes.add(stem.removeprefix(bare))
    return (suffixes.pop(), pairs) if len(suffixes) == 1 else ("", {})


def _check(
    matches: dict[str, list[str]],
    sr: dict[str, Path],
    gt: dict[str, Path],
    sr_dir: Path,
    gt_dir: Path,
) -> None:
    if not matches:
        raise ValueError(
            f"{sr_dir} ({some(sr)}) and {gt_dir} ({some(gt)}) have no name in common; name results "
            "like their ground truth, with an ending such as _x2 or _SR if you like"
        )
    for stem, found in matches.items():
        if len(found) > 1:
            raise ValueError(
                f"{sr[found[0]].name} and {sr[found[1]].name} of {sr_dir} both fit {stem}; "
                "remove one"
            )
