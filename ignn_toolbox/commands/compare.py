"""``ignn compare``: is one method better than another, and on which images?"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ..datasets.file_list import files_by_stem
from ..evaluation import Results, read_results
from ..evaluation.comparison import Comparison, compare
from ..text import shown
from ._console import console, table
from ._progress import progress_bar

HELP = "Compare results image by image: mean difference, interval, p-value, gains and losses."
EXAMPLES = """examples:
  ignn compare scores/edsr scores/ignn
  ignn compare scores/edsr scores/ignn scores/ignn_plus --figure ssim --top 3
  ignn compare scores/edsr scores/ignn --no-recurrence

The first result is what the others are compared with; differences are other - first. The recurrence
score is the mean distance (grey levels) of 3x3 patches of the LR image to their nearest neighbours
in that image downsampled by 2: the lower, the more the image repeats itself.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results", nargs="+", type=Path, metavar="RESULT", help="results.json, or its folder"
    )
    parser.add_argument("--figure", choices=("psnr", "ssim"), default="psnr")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="images to list (5)")
    parser.add_argument(
        "--data-root",
        type=Path,
        metavar="DIR",
        help="folder that holds the benchmark sets, where the results do not say",
    )
    parser.add_argument(
        "--no-recurrence", action="store_true", help="leave out the split by self-similarity"
    )


def run(args: argparse.Namespace) -> int:
    if len(args.results) < 2:
        raise ValueError("comparing needs at least two results")
    baseline, *others = [read_results(path) for path in args.results]
    # Refuses what cannot be compared before anything slow is begun.
    comparisons = [compare(baseline, other, args.figure) for other in others]
    out = console()
    if not args.no_recurrence:
        scores = _recurrence_scores(baseline, args.data_root, out)
        if scores is not None:
            comparisons = [compare(baseline, other, args.figure, scores) for other in others]
    for other, rows in zip(others, comparisons, strict=True):
        _print(out, baseline, other, rows, args.top)
    return 0


def _recurrence_scores(
    results: Results, data_root: Path | None, out: Console
) -> dict[tuple[str, str], float] | None:
    """Scores of all images, or None with a notice where ground truth cannot be found."""
    from ..datasets.degradations import bicubic_lr
    from ..datasets.transforms import modcrop
    from ..evaluation.recurrence import recurrence_score
    from ..images import read_image

    images = list(dict.fromkeys((r["dataset"], r["image"]) for r in results.records))
    files: dict[tuple[str, str], Path] = {}
    for dataset in dict.fromkeys(dataset for dataset, _ in images):
        folder = results.info.get("gt_dirs", {}).get(dataset)
        folder = Path(folder) if data_root is None and folder else (data_root or Path()) / dataset
        if not folder.is_dir():
            out.print(
                f"note: no ground truth of {shown(dataset)} in {shown(folder)}, so no split by "
                "self-similarity; name its folder's parent by --data-root"
            )
            return None
        files |= {(dataset, stem): path for stem, path in files_by_stem(folder).items()}
    scores = {}
    with progress_bar("recurrence") as progress:
        for done, key in enumerate(images, 1):
            if key not in files:
                raise ValueError(f"there is no image {key[1]} among the ground truth of {key[0]}")
            gt = modcrop(read_image(files[key]), results.scale)
            scores[key] = recurrence_score(bicubic_lr(gt, results.scale))
            progress(done, len(images))
    return scores


def _print(
    out: Console, a: Results, b: Results, comparisons: Sequence[Comparison], top: int
) -> None:
    figure = {"psnr": "PSNR (dB)", "ssim": "SSIM"}[comparisons[0].figure]
    rows = [
        [
            row.dataset,
            len(row.names),
            row.protocol,
            f"{row.mean:+.4f}",
            _interval(row.interval),
            f"{row.p_value:.2g}",
            f"{row.wins}/{row.losses}",
        ]
        for row in comparisons
    ]
    header = ["set", "images", "protocol", "mean", "95 % interval", "p", "wins/losses"]
    title = f"{figure} of {b.model} - {a.model}, x{a.scale}"
    caption = "p: Wilcoxon's signed-rank test, two-sided"
    out.print(table(header, rows, title=title, caption=caption))
    if any(row.splits for row in comparisons):
        _print_splits(out, comparisons)
    for row in comparisons:
        where = f"{row.dataset}, {row.protocol}"
        for label, found in zip(("gain", "loss"), row.extremes(top), strict=True):
            images = ", ".join(f"{name} {value:+.4f}" for name, value in found) or "none"
            out.print(shown(f"largest {label} ({where}): {images}"))


def _print_splits(out: Console, comparisons: Sequence[Comparison]) -> None:
    header = ["set", "protocol", "half", "images", "mean", "95 % interval"]
    rows = [
        [
            row.dataset,
            row.protocol,
            split.label,
            split.images,
            f"{split.mean:+.4f}",
            _interval(split.interval),
        ]
        for row in comparisons
        for split in row.splits
    ]
    title = "by self-similarity (recurrence score of the LR image)"
    out.print(table(header, rows, title=title))
    for row in comparisons:
        if row.correlation is not None and math.isfinite(row.correlation):
            where = shown(f"{row.dataset}, {row.protocol}")
            out.print(
                f"rank correlation of difference and recurrence score ({where}): "
                f"{row.correlation:+.3f}"
            )


def _interval(interval: tuple[float, float]) -> str:
    return f"{interval[0]:+.3f} .. {interval[1]:+.3f}"
