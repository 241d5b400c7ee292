"""Trains tiny IGNN for a while and shows that memory stays flat and speed steady.

Writes the resident memory of the main process and of its workers, and the iterations per second
and per second of processor time, as CSV and as a plot. Exits with 1 when memory grew or speed fell
by more than the tolerance between the second and the last quarter of the run. Speed must fall by
both clocks: on a shared machine other programs slow the one, not the other.

    python benchmarks/soak.py --out benchmarks/results/soak.csv --plot docs/images/soak.png
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from frame.drawn import draw_data
from frame.table import write_table
from mmengine.hooks import Hook

from ignn_toolbox.engine.config import load_config
from ignn_toolbox.engine.train import train
from ignn_toolbox.registry import HOOKS

MEMORY_TOLERANCE = 0.03
SPEED_TOLERANCE = 0.25


@HOOKS.register_module()
class SoakHook(Hook):
    """Samples memory and speed, validates by the clock, and ends the run by the clock.

    Args:
        minutes: Length of the run.
        val_minutes: Time between validations.
        sample_seconds: Time between samples.
        out: JSON file for the samples.
    """

    priority = "LOWEST"

    def __init__(self, minutes: float, val_minutes: float, sample_seconds: float, out: str) -> None:
        self.end, self.val_every = 60 * minutes, 60 * val_minutes
        self.sample_every, self.out = sample_seconds, Path(out)

    def before_train(self, runner: Any) -> None:
        self.start = self.sampled = self.validated = time.monotonic()
        self.cpu = time.process_time()
        self.count, self.rows = 0, []

    def after_train_iter(self, runner: Any, *_: Any, **__: Any) -> None:
        self.count += 1
        now = time.monotonic()
        if now - self.sampled >= self.sample_every:
            main, workers = memory_mib()
            row = {"minutes": (now - self.start) / 60, "main_mib": main, "workers_mib": workers}
            row["it_per_s"] = self.count / (now - self.sampled)
            row["it_per_cpu_s"] = self.count / (time.process_time() - self.cpu)
            self.rows.append({key: round(value, 3) for key, value in row.items()})
            self.sampled, self.cpu, self.count = now, time.process_time(), 0
        if now - self.validated >= self.val_every:
            runner.val_loop.run()
            runner.model.train()
            # What validation took is no part of the training's speed.
            self.validated = self.sampled = time.monotonic()
            self.cpu, self.count = time.process_time(), 0
        if now - self.start >= self.end:
            runner.train_loop.stop_training = True

    def after_train(self, runner: Any) -> None:
        self.out.write_text(json.dumps(self.rows))


def memory_mib() -> tuple[float, float]:
    """Resident memory of this process, and of its children together."""
    children = Path("/proc/self/task").glob("*/children")
    pids = [pid for file in children for pid in file.read_text().split()]
    return _resident("self"), sum(map(_resident, pids))


def _resident(pid: str) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def verdict(rows: list[dict[str, float]]) -> list[str]:
    """What changed between the second and the last quarter of the run beyond the tolerance."""
    faults = []
    for key in ("main_mib", "workers_mib"):
        early, late = _medians(rows, key)
        if late > early * (1 + MEMORY_TOLERANCE):
            faults.append(f"{key} grew from {early:.0f} to {late:.0f}")
    changes = {key: _medians(rows, key) for key in ("it_per_s", "it_per_cpu_s")}
    if all(late < early * (1 - SPEED_TOLERANCE) for early, late in changes.values()):
        early, late = changes["it_per_s"]
        faults.append(f"it/s fell from {early:.2f} to {late:.2f}")
    return faults


def _medians(rows: list[dict[str, float]], key: str) -> tuple[float, float]:
    """Medians of a column over the second and over the last quarter."""
    quarter = len(rows) // 4
    values = [row[key] for row in rows]
    return statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])


def plot(rows: list[dict[str, float]], path: Path) -> None:
    """Memory above, speed below, over the minutes of the run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    memory, speed = figure.subplots(2, 1, sharex=True)
    minutes = [row["minutes"] for row in rows]
    memory.plot(minutes, [row["main_mib"] for row in rows], label="main process")
    memory.plot(minutes, [row["workers_mib"] for row in rows], label="workers together")
    memory.set(ylabel="resident memory (MiB)", ylim=(0, None))
    memory.legend()
    speed.plot(minutes, [row["it_per_s"] for row in rows], label="by the clock")
    speed.plot(minutes, [row["it_per_cpu_s"] for row in rows], label="by processor time")
    speed.set(ylabel="iterations per second", xlabel="minutes", ylim=(0, None))
    speed.legend()
    figure.savefig(path, dpi=120)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="ignn-tiny_x2c32b8k5d30_1xb16-2k_bsds-t91")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--val-minutes", type=float, default=2)
    parser.add_argument("--sample-seconds", type=float, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--data-root", help="real training data instead of drawn pictures")
    parser.add_argument("--out", type=Path, default=Path("soak.csv"), help="CSV file")
    parser.add_argument("--plot", type=Path, help="PNG file; beside the CSV file by default")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        if args.data_root is None:
            draw_data(Path(folder))
        hook = dict(
            type="SoakHook",
            minutes=args.minutes,
            val_minutes=args.val_minutes,
            sample_seconds=args.sample_seconds,
            out=f"{folder}/samples.json",
        )
        options = {
            "model.network.init_cfg": None,
            "train_cfg.max_iters": 10**9,
            "train_cfg.val_interval": 10**9,
            "train_dataloader.num_workers": args.workers,
            "custom_hooks": [hook],
        }
        config = load_config(args.config, options, data_root=args.data_root or folder)
        train(config, work_dir=Path(folder, "run"))
        rows = json.loads(Path(folder, "samples.json").read_text())
    write_table(args.out, rows)
    plot(rows, args.plot or args.out.with_suffix(".png"))
    faults = verdict(rows)
    print("\n".join(faults) or "memory is flat, speed is steady")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
