"""Examining a folder of data sets: everything that would spoil training or scores, by file."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...images import read_image
from ...images.walk import Walk, walk
from ..parallel import Progress, run_all
from .duplicates import find_duplicates, thumbnail
from .layout import FolderPair, Picture, find_pairs
from .lr_origin import Origin, lr_origin

# Folders named like a benchmark set, also with an addition (Set5_SR), hold benchmark pictures.
BENCHMARK = re.compile(
    r"(?:set(?:5|12|14)|c?bsds?(?:68|100)|b100|urban100|manga109|classic5|kodak(?:24)?"
    r"|mcmaster(?:18)?|live1)(?![a-z0-9])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Finding:
    """Something wrong with one file.

    Attributes:
        kind: ``unreadable``, ``pairing``, ``size``, ``swapped``, ``lr`` or ``duplicate``.
        path: The file (the folder, where a file is missing).
        message: What is wrong.
    """

    kind: str
    path: Path
    message: str


@dataclass
class Diagnosis:
    """What was found in a folder.

    Attributes:
        summary: What is there: folders, pairs of folders, what the LR files are.
        findings: What is wrong, by file.
    """

    summary: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def check_folder(
    root: str | Path, bench: str | Path | None = None, progress: Progress | None = None
) -> Diagnosis:
    """Examines every image below a folder.

    It decodes each file, finds out which folders hold the LR images of which others (by names,
    sizes and what they show), checks pairs and sizes, whether each LR file is MATLAB's bicubic of
    its HR file, and whether a training picture is also a benchmark picture. Pictures below a folder
    named like a benchmark set (Set5, Set14, BSD100, B100, Urban100, Manga109; Set12, BSD68,
    Classic5, Kodak24, McMaster18, LIVE1) count as benchmark. What cannot be told is said, and is no
    finding.

    Args:
        root: The folder.
        bench: A further folder, all of whose pictures count as benchmark.
        progress: Called with (steps done, steps in all).

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: There is no image below ``root``.
    """
    below = _walk(root)
    files = sorted(below.pictures)
    further = [] if bench is None else sorted(_walk(bench).pictures)
    if not files:
        told = below.passed_over()
        raise ValueError(f"there is no image below {root}{told and f'; {told}'}")
    pictures = run_all(_examine, list(dict.fromkeys([*files, *further])), progress)
    readable = [picture for picture in pictures if picture.error is None]
    diagnosis = Diagnosis([below.passed_over()] if below.passed_over() else [])
    for picture in pictures:
        if picture.error is not None:
            diagnosis.findings.append(Finding("unreadable", picture.path, picture.error))
    folders: dict[Path, list[Picture]] = {}
    for picture in readable:
        folders.setdefault(picture.path.parent, []).append(picture)
    for folder, members in folders.items():
        diagnosis.summary.append(f"{folder}: {len(members)} images")
    broken = {picture.path for picture in pictures if picture.error is not None}
    pairs, doubts = find_pairs(folders)
    diagnosis.summary += doubts
    for pair in pairs:
        _check_pair(pair, broken, diagnosis, progress)
    lr_folders = {pair.lr for pair in pairs}
    whole = [picture for picture in readable if picture.path.parent not in lr_folders]
    _check_duplicates(whole, set(further), diagnosis)
    return diagnosis


def _walk(root: str | Path) -> Walk:
    if not Path(root).is_dir():
        raise FileNotFoundError(f"there is no folder {root}")
    return walk(root)


def _examine(path: Path) -> Picture:
    try:
        image = read_image(path)
    except ValueError as error:
        return Picture(path, (0, 0), np.empty(0), str(error).removeprefix(f"{path} "))
    return Picture(path, (image.shape[0], image.shape[1]), thumbnail(image), None)


def _check_pair(
    pair: FolderPair, broken: set[Path], diagnosis: Diagnosis, progress: Progress | None
) -> None:
    lost = {path.stem for path in broken if path.parent in (pair.lr, pair.hr)}
    for stem in pair.only_lr:
        if stem not in lost:
            message = f"there is no HR image for {stem} in {pair.hr}"
            diagnosis.findings.append(Finding("pairing", pair.lr, message))
    for stem in pair.only_hr:
        if not {stem, pair.lr_stem(stem)} & lost:
            message = f"there is no LR image (x{pair.scale}) of {stem}"
            diagnosis.findings.append(Finding("pairing", pair.lr, message))
    fitting = []
    for lr, hr in pair.pairs:
        if lr.size == (hr.size[0] // pair.scale, hr.size[1] // pair.scale):
            fitting.append((lr, hr))
        else:
            message = f"{_size(lr)} does not fit {hr.path} of {_size(hr)} at x{pair.scale}"
            diagnosis.findings.append(Finding("size", lr.path, message))

    def task(item: tuple[Picture, Picture]) -> Origin:
        return lr_origin(read_image(item[0].path), read_image(item[1].path), pair.scale)

    origins = run_all(task, fitting, progress)
    exact = [origin.border for origin in origins if origin.border is not None]
    counts = ", ".join(f"{exact.count(b)} {b} border" for b in sorted(set(exact))) or "none"
    diagnosis.summary.append(
        f"{pair.lr}: x{pair.scale} LR images of {pair.hr}, {len(pair.pairs)} pairs; "
        f"MATLAB bicubic to the last bit: {counts}"
    )
    wrong = [
        (*item, origin)
        for item, origin in zip(fitting, origins, strict=True)
        if origin.border is None
    ]
    swapped = _swapped(wrong, [hr for _, hr in fitting])
    for lr, hr, origin in wrong:
        if lr.path in swapped:
            message = f"it is the LR image of {swapped[lr.path]}, not of {hr.path.name}"
            diagnosis.findings.append(Finding("swapped", lr.path, message))
            continue
        reason = origin.explanation or "nothing known explains it"
        message = (
            f"not MATLAB's bicubic of {hr.path.name} (largest difference {origin.difference}): "
            f"{reason}"
        )
        diagnosis.findings.append(Finding("lr", lr.path, message))
    if len(set(exact)) > 1:
        message = f"files of both borders are mixed ({counts})"
        diagnosis.findings.append(Finding("lr", pair.lr, message))


def _swapped(
    wrong: Sequence[tuple[Picture, Picture, Origin]], known: Sequence[Picture]
) -> dict[Path, str]:
    """LR files whose content is that of another HR file, with that file's name.

    Thumbnails of an LR image and of its own HR image all but coincide.
    """
    found = {}
    for lr, own, _ in wrong:
        gaps = {hr.path: float(np.abs(lr.thumb - hr.thumb).mean()) for hr in known}
        best = min(gaps, key=lambda path: gaps[path])
        if best != own.path and gaps[best] < gaps[own.path] / 2:
            found[lr.path] = best.name
    return found


def _check_duplicates(
    pictures: Iterable[Picture], further: set[Path], diagnosis: Diagnosis
) -> None:
    groups: dict[bool, dict[Path, np.ndarray]] = {True: {}, False: {}}
    for picture in pictures:
        known = picture.path in further or any(map(BENCHMARK.match, picture.path.parts))
        groups[known][picture.path] = picture.thumb
    for path, other, turn in find_duplicates(groups[False], groups[True]):
        message = f"shows the same as the benchmark image {other} ({turn})"
        diagnosis.findings.append(Finding("duplicate", path, message))
    if groups[True]:
        diagnosis.summary.append(
            f"{len(groups[False])} training images were compared with {len(groups[True])} "
            "benchmark images in all eight orientations"
        )


def _size(picture: Picture) -> str:
    return f"{picture.size[1]}x{picture.size[0]}"
