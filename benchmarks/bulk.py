"""Pictures a second of `ignn upscale` under torchrun: one process beside several, a thread each.

The rate is read off the journal: pictures done between the moment when every process has finished
its first one and the moment when the first process has finished its last one. Single runs and runs
of several processes alternate; medians are compared. Exits with 1 when several processes are less
than 0.9 times their number as fast as one. Needs as many idle cores as processes.

    python benchmarks/bulk.py --out benchmarks/results/bulk.csv
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from frame.table import write_table

from ignn_toolbox.images import write_image

MUST_REACH = 0.9  # of the number of processes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ignn_tiny_x2")
    parser.add_argument("--size", type=int, default=192, help="side of the pictures")
    parser.add_argument("--pictures", type=int, default=24, help="pictures a process")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="CSV file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rates: dict[int, list[float]] = {1: [], args.processes: []}
    with tempfile.TemporaryDirectory() as folder:
        for processes in rates:
            draw_pictures(Path(folder, f"in{processes}"), processes * args.pictures, args.size)
        for turn in range(args.repeats):
            for processes, measured in rates.items():
                out = Path(folder, f"out{processes}-{turn}")
                upscale(Path(folder, f"in{processes}"), out, args.model, processes)
                measured.append(rate(out, processes))
                print(f"{processes} processes: {measured[-1]:.3f} pictures a second", flush=True)
    one, several = (statistics.median(measured) for measured in rates.values())
    row = {
        "model": args.model,
        "size": args.size,
        "pictures": args.pictures,
        "processes": args.processes,
        "one_per_s": round(one, 3),
        "several_per_s": round(several, 3),
        "ratio": round(several / one, 3),
        "must_reach": MUST_REACH * args.processes,
        "repeats": args.repeats,
    }
    print(row)
    if args.out:
        write_table(args.out, [row])
    return 0 if row["ratio"] >= row["must_reach"] else 1


def draw_pictures(folder: Path, count: int, size: int) -> None:
    """Smooth random pictures, no two alike."""
    rng = np.random.default_rng(0)
    for index in range(count):
        coarse = torch.from_numpy(rng.random((1, 3, size // 8, size // 8)))
        fine = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
        pixels = (fine[0].permute(1, 2, 0).clamp(0, 1) * 255).byte().numpy()
        write_image(folder / f"{index:04}.png", pixels)


def upscale(source: Path, out: Path, model: str, processes: int) -> None:
    """Run the command as a user does."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    words = ["-m", "ignn_toolbox", "upscale", str(source), "-o", str(out), "--model", model]
    subprocess.run(
        [sys.executable, *launcher, *words, "--device", "cpu"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
    )


def rate(out: Path, processes: int) -> float:
    """Pictures a second while all processes were at work, their first pictures left out."""
    times: dict[str, list[float]] = {}
    for part in (out / ".ignn_journal").glob("part-*.jsonl"):
        for record in map(json.loads, filter(None, part.read_text().split("\n"))):
            if record["status"] == "done":
                times.setdefault(record["worker"], []).append(record["time"])
    if len(times) != processes:
        raise RuntimeError(f"{len(times)} of {processes} processes restored pictures")
    begin = max(min(done) for done in times.values())
    end = min(max(done) for done in times.values())
    counted = sum(begin < moment <= end for done in times.values() for moment in done)
    return counted / (end - begin)


if __name__ == "__main__":
    sys.exit(main())
