"""LR files by MATLAB's bicubic, in DIV2K's layout."""

from collections.abc import Sequence
from pathlib import Path

from ...images import read_image, write_image
from ...ops.resize import BORDERS
from ..degradations import bicubic_lr
from ..file_list import files_by_stem
from ..parallel import Each, Progress, run_all
from ..transforms import modcrop
from .resume import claim_folder, up_to_date


def make_lr(
    hr_dir: str | Path,
    out_dir: str | Path,
    scales: Sequence[int],
    *,
    border: str = "symmetric",
    filename_tmpl: str = "{}x{scale}",
    progress: Progress | None = None,
    each: Each | None = None,
) -> tuple[int, int]:
    """Write ``out_dir/X<scale>/<name>x<scale>.png`` for every image of a folder.

    HR images are cut to a multiple of the scale first. What was made before and is newer than its
    HR image is kept.

    Args:
        hr_dir: Folder of HR images.
        out_dir: Folder for the LR images.
        scales: Downscaling factors.
        border: ``'symmetric'`` (current MATLAB) or ``'replicate'``.
        filename_tmpl: Stem of the LR file: ``{}`` stands for the HR file's.
        progress: Called with (HR images done, in all).
        each: Called with an HR image, and the numbers of what was made of it and what was kept.

    Returns:
        Numbers of files made and of files kept.

    Raises:
        FileNotFoundError: ``hr_dir`` does not exist.
        ValueError: It holds no image, one is unreadable or smaller than a scale, ``out_dir`` holds
            files made otherwise, or an argument is out of range.
    """
    if border not in BORDERS:
        raise ValueError(f"border must be one of {', '.join(BORDERS)}, got {border!r}")
    if not scales or min(scales) < 2:
        raise ValueError(f"scales must be integers from 2 on, got {list(scales)}")
    files = files_by_stem(Path(hr_dir))
    folders = {scale: Path(out_dir) / f"X{scale}" for scale in scales}
    for scale, folder in folders.items():
        claim_folder(folder, {"scale": scale, "border": border, "filename_tmpl": filename_tmpl})

    def task(source: Path) -> tuple[int, int]:
        targets = {
            scale: folder / f"{filename_tmpl.format(source.stem, scale=scale)}.png"
            for scale, folder in folders.items()
        }
        stale = {s: path for s, path in targets.items() if not up_to_date([path], source)}
        if stale:
            gt = read_image(source)
            for scale, path in stale.items():
                if min(gt.shape[:2]) < scale:
                    raise ValueError(f"{source} is too small to be downscaled by {scale}")
                write_image(path, bicubic_lr(modcrop(gt, scale), scale, border))
        return len(stale), len(targets) - len(stale)

    counts = run_all(
        task, list(files.values()), progress, each and (lambda path, count: each(path, *count))
    )
    return sum(made for made, _ in counts), sum(kept for _, kept in counts)
