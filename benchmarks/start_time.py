"""Seconds from the command to its first iteration, for a fresh run and for one resumed far on.

Starts `ignn train` anew and from a checkpoint of iteration 200,000, in turns, and waits for the log
line of the first iteration. Must reach: 8 s for a fresh start, 5 s more for resuming.

    python benchmarks/start_time.py --out benchmarks/results/start_time.csv
"""

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from frame.drawn import draw_data
from frame.table import write_table

from ignn_toolbox.checkpoint import load_checkpoint, save_checkpoint

ITERATION = 200_000
LIMITS = {"fresh start": 8.0, f"resumed at {ITERATION}": 13.0}
# A schedule of the paper's length, so that there is something to resume.
OPTIONS = (
    "train_cfg.max_iters=800000",
    "train_cfg.val_interval=1000000",
    "default_hooks.logger.interval=1",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="edsr_tiny_x2")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data-root", type=Path, help="real training data, not drawn pictures")
    parser.add_argument("--out", type=Path, help="CSV file")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = args.data_root or Path(folder, "data")
        if args.data_root is None:
            draw_data(data)
        far = Path(folder, f"iter_{ITERATION}.pth")
        prepare(args.config, data, Path(folder, "first"), far)
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in LIMITS}
        for turn in range(args.repeats):
            for name, times in measured.items():
                resume = [] if name == "fresh start" else ["--resume", str(far)]
                times.append(start(args.config, data, Path(folder, f"run{turn}"), resume))
    rows = []
    for name, times in measured.items():
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        row = {"config": args.config, "what": name, "seconds": round(wall, 2)}
        row |= {"cpu_seconds": round(cpu, 2), "must_reach": LIMITS[name], "repeats": len(times)}
        rows.append(row)
        print(row)
    if args.out:
        write_table(args.out, rows)


def prepare(config: str, data: Path, work_dir: Path, far: Path) -> None:
    """Make a checkpoint of a late iteration from that of an early one."""
    start(config, data, work_dir, [], signal.SIGTERM)
    (early,) = work_dir.glob("iter_*.pth")
    content = load_checkpoint(early)
    loop = content["loop"]
    batch = loop["samples_drawn"] // loop["iter"]
    loop |= {"iter": ITERATION, "samples_drawn": ITERATION * batch}
    content["meta"]["iter"] = ITERATION
    save_checkpoint(content, far)


def start(
    config: str, data: Path, work_dir: Path, resume: list[str], end: int = signal.SIGKILL
) -> tuple[float, float]:
    """Wall and processor seconds until the first iteration is logged; the run is ended then."""
    words = [sys.executable, "-m", "ignn_toolbox", "train", config, "--data-root", str(data)]
    words += ["--work-dir", str(work_dir), *resume, "--cfg-options", *OPTIONS]
    begun = time.perf_counter()
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if re.search(r"\[ *\d+/\d+\] .* it/s", line):
            seconds = time.perf_counter() - begun
            process.send_signal(end)
            process.stdout.close()
            usage = os.wait4(process.pid, 0)[2]
            return seconds, usage.ru_utime + usage.ru_stime
    raise RuntimeError(f"the training ended before its first iteration:\n{''.join(lines)}")


if __name__ == "__main__":
    main()
