"""How fast training samples arrive: image files of several formats, and the caches."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from frame.table import RESULTS, write_table
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader

from ignn_toolbox.datasets import PairedImageDataset, SampleIndex
from ignn_toolbox.datasets.batch import pack_batch
from ignn_toolbox.datasets.degradations import bicubic_lr
from ignn_toolbox.datasets.pair_storage import STORAGES, has_lmdb
from ignn_toolbox.images import write_image

FILE_FORMATS = ("png", "webp", "jpg")
SOURCES = (*FILE_FORMATS, *STORAGES)
REQUIRED = 1500  # pairs a second on one core from the memory-mapped cache
_AUGMENTATION = (
    {"type": "RandomFlip", "direction": "horizontal"},
    {"type": "RandomFlip", "direction": "vertical"},
    {"type": "RandomRot90"},
    {"type": "PackInputs"},
)


@dataclass(frozen=True)
class DataSpeed:
    """Augmented pairs a second from one source.

    Attributes:
        source: A file format, or a cache's storage.
        workers: Worker processes; 0 loads in the process that asks.
        pairs: How many were loaded.
        per_second: Pairs by wall time.
        per_cpu_second: Pairs by processor time of all processes: what one core delivers when
            nothing else runs on it.
    """

    source: str
    workers: int
    pairs: int
    per_second: float
    per_cpu_second: float


def measure_data(
    folder: Path,
    sources: Sequence[str],
    workers: Sequence[int],
    *,
    pairs: int,
    lq_size: int = 48,
    scale: int = 2,
    batch_size: int = 16,
    images: int = 16,
    side: int = 480,
    progress: Callable[[str], None] = lambda text: None,
) -> list[DataSpeed]:
    """Draw pictures, keep them in every way, and load training batches from each.

    Args:
        folder: Empty folder to work in.
        sources: Of `SOURCES`.
        workers: Numbers of worker processes.
        pairs: Pairs to load from a cache; image files are slower, a quarter of them is loaded.
        lq_size: Side of an LR crop.
        scale: Upscaling factor.
        batch_size: Pairs a batch.
        images: Pictures to draw, of ``side`` by ``side`` pixels (a usual training crop).
        side: Their side.
        progress: Is told what happens now.

    Raises:
        ValueError: LMDB is asked for and not installed.
    """
    drawn = [natural_picture(side, seed) for seed in range(images)]
    results = []
    for source in sources:
        progress(f"{source}: drawing")
        data = _dataset(folder / source, source, drawn, scale, lq_size)
        count = pairs if source in STORAGES else pairs // 4
        for number in workers:
            progress(f"{source}: {number} workers")
            results.append(_measure(data, source, number, count, batch_size))
    return results


def natural_picture(side: int, seed: int) -> np.ndarray:
    """A picture (side, side, 3), uint8, with the 1/f spectrum of photographs.

    It compresses about as a photograph does, which noise and drawings do not.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    amplitude = 1 / np.maximum(np.hypot(rows, columns), 1 / side)
    shared = rng.standard_normal((side, side))
    planes = []
    for _ in range(3):
        noise = shared + 0.3 * rng.standard_normal((side, side))
        plane = np.fft.irfft2(np.fft.rfft2(noise) * amplitude, (side, side))
        planes.append((plane - plane.mean()) / plane.std())
    return (np.stack(planes, axis=2) * 50 + 128).clip(0, 255).astype(np.uint8)


def write_data_results(path: Path, rows: Sequence[DataSpeed]) -> None:
    """Write the figures as CSV, with the machine in each row."""
    lines = []
    for row in rows:
        required = REQUIRED if (row.source, row.workers) == ("mmap", 0) else ""
        line = asdict(row) | {"required_per_cpu_second": required}
        lines.append(line | {key: round(line[key]) for key in ("per_second", "per_cpu_second")})
    write_table(path, lines)


def available_sources() -> tuple[str, ...]:
    """The sources whose packages are installed."""
    return SOURCES if has_lmdb() else tuple(source for source in SOURCES if source != "lmdb")


def _dataset(
    folder: Path, source: str, pictures: Sequence[np.ndarray], scale: int, lq_size: int
) -> PairedImageDataset:
    suffix = source if source in FILE_FORMATS else "png"
    for number, picture in enumerate(pictures):
        write_image(folder / "HR" / f"{number}.{suffix}", picture)
        write_image(folder / "LR" / f"{number}.{suffix}", bicubic_lr(picture, scale))
    data = PairedImageDataset(
        str(folder / "HR"),
        str(folder / "LR"),
        scale,
        cache=str(folder / "cache") if source in STORAGES else None,
        pipeline=[{"type": "PairedRandomCrop", "lq_size": lq_size}, *_AUGMENTATION],
    )
    if source in STORAGES:
        data.build_cache(source)
    return data


def _measure(
    data: PairedImageDataset, source: str, workers: int, pairs: int, batch_size: int
) -> DataSpeed:
    data[SampleIndex(0, 0)]  # opens a cache
    pairs = batch_size * max(2, pairs // batch_size)
    loader = DataLoader(
        data,
        batch_size,
        sampler=[SampleIndex(draw % len(data), draw) for draw in range(pairs)],
        num_workers=workers,
        collate_fn=pack_batch,
        multiprocessing_context="fork" if workers else None,
    )
    cpu = _cpu_seconds()
    batches = iter(loader)
    next(batches)  # by now the workers run
    begun = time.perf_counter()
    for _ in batches:
        pass
    wall = time.perf_counter() - begun
    del batches  # ends the workers; the system tells their time only then
    cpu = _cpu_seconds() - cpu
    return DataSpeed(source, workers, pairs, (pairs - batch_size) / wall, pairs / cpu)


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="processes")
    parser.add_argument("--pairs", type=int, default=4000, help="to load from a cache")
    parser.add_argument("--lq-size", type=int, default=48, help="side of an LR crop")
    parser.add_argument("--out", type=Path, default=RESULTS / "data.csv", help="CSV file")
    args = parser.parse_args(words)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure_data(
            Path(folder),
            available_sources(),
            args.workers,
            pairs=args.pairs,
            lq_size=args.lq_size,
            progress=print,
        )
    write_data_results(args.out, rows)
    sizes = f"{args.lq_size}x{args.lq_size}/{2 * args.lq_size}x{2 * args.lq_size}"
    columns = ("source", "workers", "pairs a second", "a second of processor time")
    table = Table(*columns, title=f"augmented LR/HR pairs, {sizes}")
    for row in rows:
        speeds = (f"{row.per_second:,.0f}", f"{row.per_cpu_second:,.0f}")
        table.add_row(row.source, str(row.workers), *speeds)
    Console().print(table)
    for source in set(SOURCES) - {row.source for row in rows}:
        print(f"{source}: not measured, its package is not installed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
