"""How much of its time `ignn train` spends in the network.

Trains a small network from the memory-mapped cache and, in turns within the same run, the same
network in a bare loop on random tensors; prints iterations per second of both, their ratio and the
toolbox's milliseconds. Must reach: a ratio of 0.80, and less than 5 ms.

    python benchmarks/train_speed.py --threads 1 --out benchmarks/results/train_speed.csv
"""

import argparse
import copy
import json
import statistics
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
from ignn_toolbox.registry import DATASETS, HOOKS

CHUNK = 25


@HOOKS.register_module()
class BareLoopHook(Hook):
    """After each chunk of iterations, times as many of a bare loop.

    Args:
        out: JSON file for the seconds of every chunk.
    """

    priority = "LOWEST"

    def __init__(self, out: str) -> None:
        self.out = Path(out)

    def before_train(self, runner: Any) -> None:
        config = runner.cfg
        self.model = copy.deepcopy(runner.bare_model)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        shape = (config.train_dataloader.batch_size, 3, config.lq_size, config.lq_size)
        scale = self.model.scale
        self.lq = torch.rand(shape)
        self.gt = torch.rand((*shape[:2], scale * shape[2], scale * shape[3]))
        self.seconds: dict[str, list[tuple[float, float]]] = {"ignn train": [], "bare loop": []}
        self.begun: tuple[float, float] | None = None

    def after_train_iter(self, runner: Any, *_: Any, **__: Any) -> None:
        if (runner.iter + 1) % CHUNK:
            return
        if self.begun is not None:
            self.seconds["ignn train"].append(elapsed(self.begun))
            self.seconds["bare loop"].append(self._bare())
        self.begun = clocks()

    def after_train(self, runner: Any) -> None:
        self.out.write_text(json.dumps(self.seconds))

    def _bare(self) -> tuple[float, float]:
        begun = clocks()
        for _ in range(CHUNK):
            loss = torch.nn.functional.l1_loss(self.model.network(self.lq), self.gt)
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
        return elapsed(begun)


def clocks() -> tuple[float, float]:
    """Wall time, and the processor time of this process."""
    return time.perf_counter(), time.process_time()


def elapsed(begun: tuple[float, float]) -> tuple[float, float]:
    """Wall and processor seconds since `clocks` was read."""
    return tuple(now - then for now, then in zip(clocks(), begun, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="edsr-tiny_x2c32b8_1xb16-7k_bsds-t91")
    parser.add_argument(
        "--cases", type=case, nargs="+", default=[(4, 24), (16, 40)], help="default: 4x24 16x40"
    )
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, help="CSV file")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        draw_data(Path(folder))
        for batch, crop in args.cases:
            options = {
                "batch_size": batch,
                "lq_size": crop,
                "train_cfg.max_iters": CHUNK * (args.rounds + 2),
                "train_cfg.val_interval": CHUNK * (args.rounds + 2),
                "train_dataloader.num_workers": args.workers,
                "train_dataloader.dataset.cache": "cache",
                "custom_hooks": [dict(type="BareLoopHook", out=f"{folder}/seconds.json")],
            }
            config = load_config(args.config, options, data_root=folder)
            DATASETS.build(config.train_dataloader.dataset).build_cache()
            train(config, work_dir=Path(folder, "run"))
            seconds = json.loads(Path(folder, "seconds.json").read_text())
            row = {"config": args.config, "batch": batch, "crop": crop, "workers": args.workers}
            rows.append(row | figures(seconds))
            print(rows[-1], flush=True)
    if args.out:
        write_table(args.out, rows)


def case(text: str) -> tuple[int, int]:
    """``BATCHxCROP`` of the command line."""
    batch, _, crop = text.partition("x")
    return int(batch), int(crop)


def figures(seconds: dict[str, list[tuple[float, float]]]) -> dict[str, float]:
    """Speeds, their ratio and difference, by wall time and by processor time."""
    ours, bare = (median(seconds["ignn train"], 0), median(seconds["bare loop"], 0))
    ours_cpu, bare_cpu = (median(seconds["ignn train"], 1), median(seconds["bare loop"], 1))
    return {
        "ignn_train_it_per_s": round(1 / ours, 2),
        "bare_it_per_s": round(1 / bare, 2),
        "ratio": round(bare / ours, 3),
        "cpu_ratio": round(bare_cpu / ours_cpu, 3),
        "overhead_ms": round(1000 * (ours - bare), 2),
        "overhead_cpu_ms": round(1000 * (ours_cpu - bare_cpu), 2),
    }


def median(times: list[tuple[float, float]], clock: int) -> float:
    """Median seconds of an iteration by one of the clocks."""
    return statistics.median(pair[clock] for pair in times) / CHUNK


if __name__ == "__main__":
    main()
