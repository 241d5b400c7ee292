"""Overlapping crops of large training images, LR and HR aligned.

Training reads a small file where it would decode a whole photograph. The rule is the customary one
for DIV2K: crops of 480, step 240, and a last crop at the far edge when more than 48 pixels remain.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...images import read_image, write_image
from ..degradations import bicubic_lr
from ..file_list import files_by_stem, some
from ..parallel import Each, Progress, run_all
from ..transforms import modcrop
from .resume import claim_folder, up_to_date


def crop_starts(length: int, size: int, step: int, threshold: int) -> list[int]:
    """First pixels of the crops along one side.

    Args:
        length: Length of the side.
        size: Side of a crop.
        step: Distance of neighbouring crops.
        threshold: A remainder above this many pixels gets a last crop of its own.
    """
    starts = list(range(0, length - size + 1, step))
    if length - (starts[-1] + size) > threshold:
        starts.append(length - size)
    return starts


def make_subimages(
    hr_dir: str | Path,
    out_dir: str | Path,
    scales: Sequence[int],
    *,
    lr_dir: str | None = None,
    filename_tmpl: str = "{}x{scale}",
    size: int = 480,
    step: int = 240,
    threshold: int = 48,
    progress: Progress | None = None,
    each: Each | None = None,
) -> tuple[int, int]:
    """Write ``out_dir/HR/<name>_s001.png`` and ``out_dir/LR/X<scale>/<name>_s001.png``, ...

    LR crops are cut from whole LR images: from files where ``lr_dir`` is given, else from MATLAB's
    bicubic of the HR image. Places are multiples of all scales, so the HR crops serve each of them.

    Args:
        hr_dir: Folder of HR images.
        out_dir: Folder for the crops.
        scales: Scales of the LR crops.
        lr_dir: Folder of LR images; ``{scale}`` in it stands for the scale.
        filename_tmpl: Stem of the LR file: ``{}`` stands for the HR file's.
        size: Side of an HR crop.
        step: Distance of neighbouring crops.
        threshold: A remainder above this many pixels gets a last crop of its own.
        progress: Called with (HR images done, in all).
        each: Called with an HR image, and the numbers of what was made of it and what was kept.

    Returns:
        Numbers of pairs or sets of crops made, and of HR images whose crops were all there.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: An image is smaller than ``size`` or unreadable, an LR file is missing or of
            the wrong size, ``size`` or ``step`` is no multiple of the scales, or ``out_dir`` holds
            crops made otherwise.
    """
    unit = math.lcm(*scales)
    if size % unit or step % unit or min(size, step) < 1:
        raise ValueError(
            f"size={size} and step={step} must be multiples of {unit}, as the scales are "
            f"{list(scales)}"
        )
    files = files_by_stem(Path(hr_dir))
    lr_files = _lr_files(files, lr_dir, scales, filename_tmpl)
    out = Path(out_dir)
    source = lr_dir or "bicubic of HR"
    settings = {"size": size, "step": step, "threshold": threshold, "unit": unit, "lr": source}
    claim_folder(out, settings)

    def task(path: Path) -> tuple[int, int]:
        gt = read_image(path)
        height, width = (length - length % unit for length in gt.shape[:2])
        if min(height, width) < size:
            raise ValueError(
                f"{path} is {gt.shape[1]}x{gt.shape[0]}, smaller than a crop of {size}x{size}"
            )
        places = [
            (top, left)
            for top in crop_starts(height, size, step, threshold)
            for left in crop_starts(width, size, step, threshold)
        ]
        names = [f"{path.stem}_s{number:03d}.png" for number in range(1, len(places) + 1)]
        folders = [out / "HR", *(out / "LR" / f"X{scale}" for scale in scales)]
        if up_to_date((folder / name for folder in folders for name in names), path):
            return 0, 1
        images = {1: gt} | {s: _lr_image(gt, path, lr_files[s], s) for s in scales}
        for (top, left), name in zip(places, names, strict=True):
            for (scale, image), folder in zip(images.items(), folders, strict=True):
                y, x, side = top // scale, left // scale, size // scale
                write_image(folder / name, image[y : y + side, x : x + side])
        return len(places), 0

    counts = run_all(
        task, list(files.values()), progress, each and (lambda path, count: each(path, *count))
    )
    return sum(made for made, _ in counts), sum(kept for _, kept in counts)


def _lr_files(
    files: dict[str, Path], lr_dir: str | None, scales: Sequence[int], filename_tmpl: str
) -> dict[int, dict[str, Path]]:
    """LR file of each HR stem, for each scale; empty where LR images are made."""
    if lr_dir is None:
        return {scale: {} for scale in scales}
    found = {}
    for scale in scales:
        folder = Path(lr_dir.replace("{scale}", str(scale)))
        stems = files_by_stem(folder)
        wanted = {stem: filename_tmpl.format(stem, scale=scale) for stem in files}
        missing = [name for name in wanted.values() if name not in stems]
        if missing:
            raise ValueError(f"{folder} has no image named {some(missing)}")
        found[scale] = {stem: stems[name] for stem, name in wanted.items()}
    return found


def _lr_image(gt: np.ndarray, path: Path, files: dict[str, Path], scale: int) -> np.ndarray:
    if not files:
        return bicubic_lr(modcrop(gt, scale), scale)
    lq = read_image(files[path.stem])
    if lq.shape[:2] != (gt.shape[0] // scale, gt.shape[1] // scale):
        raise ValueError(
            f"{files[path.stem]} is {lq.shape[1]}x{lq.shape[0]} and {path} is "
            f"{gt.shape[1]}x{gt.shape[0]}: not a pair at scale {scale}"
        )
    return lq
