"""Runs the variants of a grid, one after another; what is finished is not run again."""

import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import describe
from ..evaluation.results import Results, read_results
from .checkpoint import training_checkpoints
from .grid import Grid, Variant
from .test import test
from .train import train


@dataclass(frozen=True)
class Outcome:
    """How a grid ended.

    Attributes:
        failed: What went wrong, by the name of the variant.
        stopped: Whether a signal ended it early.
    """

    failed: dict[str, str]
    stopped: bool


def run_grid(
    grid: Grid,
    shard: tuple[int, int] = (0, 1),
    report: Callable[[str], None] = print,
) -> Outcome:
    """Train and test what is not finished.

    An interrupted training continues where it stopped. A variant that fails is reported, and the
    next one runs.

    Args:
        grid: From `engine.grid.load_grid`.
        shard: Index i and count n: this process takes the variants i, i + n, i + 2n, ...
        report: Called with a line before and after each variant.
    """
    if torch.cuda.is_available():
        torch.cuda.set_device(
            int(os.environ.get("LOCAL_RANK", shard[0])) % torch.cuda.device_count()
        )
    mine = grid.variants[shard[0] :: shard[1]]
    failed: dict[str, str] = {}
    for number, variant in enumerate(mine, 1):
        head = f"[{number}/{len(mine)}] {variant.name}"
        if variant_results(variant, grid.sets) is not None:
            report(f"{head}: finished before")
            continue
        report(f"{head}: runs in {variant.folder}")
        try:
            if not _train_and_test(variant, grid.select):
                return Outcome(failed, stopped=True)
        except Exception as error:
            failed[variant.name] = describe(error)
            report(f"{head}: failed: {failed[variant.name]}")
    return Outcome(failed, stopped=False)


def variant_results(variant: Variant, sets: list[str]) -> Results | None:
    """What a variant scored on all of ``sets`` that are there; None where it is not finished."""
    try:
        results = read_results(variant.folder / "test")
    except (FileNotFoundError, ValueError):
        return None
    absent = {notice.split(":")[0] for notice in results.info.get("left_out", [])}
    tested = {mean.dataset for mean in results.means}
    return results if set(sets) <= tested | absent else None


def shard_of(text: str, environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Index and count from ``i/n``, or for ``auto`` from what torchrun or srun set.

    Raises:
        ValueError: The text is neither, or no launcher set anything.
    """
    if text == "auto":
        for rank, size in (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS")):
            if rank in environment and size in environment:
                return int(environment[rank]), int(environment[size])
        raise ValueError("--shard auto needs torchrun or srun; elsewhere write --shard i/n")
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit() and 0 <= int(index) < int(count)):
        raise ValueError(f"--shard {text} must be i/n with 0 <= i < n, or auto")
    return int(index), int(count)


def _train_and_test(variant: Variant, select: str) -> bool:
    """Whether it came to its end (a signal stops it in good order)."""
    weights = variant.checkpoint
    if weights is None:
        config: Any = copy.deepcopy(variant.config)
        if train(config, work_dir=variant.folder, resume=True).stopped_by is not None:
            return False
        weights = _selected(variant.folder, select)
    test(
        copy.deepcopy(variant.config),
        weights,
        out_dir=variant.folder / "test",
        name=variant.name,
    )
    return True


def _selected(folder: Path, select: str) -> Path:
    found = sorted(folder.glob("best_*.pth")) if select == "best" else training_checkpoints(folder)
    if not found:
        raise FileNotFoundError(f"{folder} holds no {select} checkpoint")
    return found[0]
