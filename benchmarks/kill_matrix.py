"""Interrupts small trainings in every way and compares the resumed runs with undisturbed ones.

signal x moment x workers x precision; a run passes when its last checkpoint (weights, optimizer,
schedule, position) equals the undisturbed run's bit for bit. Exits with 1 when one does not.

    python benchmarks/kill_matrix.py --out benchmarks/results/kill_matrix.csv
"""

import argparse
import itertools
import multiprocessing
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from frame.drawn import draw_data
from frame.table import write_table
from mmengine.hooks import Hook
from rich.console import Console
from rich.table import Table

from ignn_toolbox.checkpoint import load_checkpoint
from ignn_toolbox.engine.config import load_config
from ignn_toolbox.engine.train import train
from ignn_toolbox.registry import HOOKS

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MOMENTS = ("iteration", "validation", "checkpoint")
ITERATIONS, INTERVAL, AT = 12, 4, 8


@HOOKS.register_module()
class MomentHook(Hook):
    """Sends this process a signal at a moment of the run's second half.

    Args:
        number: The signal.
        moment: Within an iteration, within a validation, or while a checkpoint is being written.
    """

    def __init__(self, number: int, moment: str) -> None:
        self.number, self.moment = number, moment

    def before_train_iter(self, runner: Any, *_: Any, **__: Any) -> None:
        if self.moment == "iteration" and runner.iter == AT + 1:
            os.kill(os.getpid(), self.number)

    def after_val_iter(self, runner: Any, *_: Any, **__: Any) -> None:
        if self.moment == "validation" and runner.iter == AT:
            os.kill(os.getpid(), self.number)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        if self.moment == "checkpoint" and checkpoint["meta"]["iter"] == AT:
            checkpoint["state_dict"] = _Fuse(checkpoint["state_dict"], self.number)


class _Fuse(dict):
    """A state dict that sends a signal when it is being written."""

    def __init__(self, content: dict, number: int) -> None:
        super().__init__(content)
        self.number = number

    def __reduce__(self) -> Any:
        os.kill(os.getpid(), self.number)
        return dict, (dict(self),)


def run(data: Path, work_dir: Path, options: dict[str, Any], resume: bool = False) -> None:
    """One small training."""
    torch.set_num_threads(1)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # this process ends with the run
    sys.stderr = sys.stdout
    config = load_config("edsr-tiny_x2c32b8_1xb16-7k_bsds-t91", options, data_root=data)
    train(config, work_dir=work_dir, resume=resume)


def in_a_process(*arguments: Any) -> None:
    """Run `run` in a forked process, which may die."""
    process = multiprocessing.get_context("fork").Process(target=run, args=arguments)
    process.start()
    process.join()


def equal(a: Any, b: Any) -> bool:
    """Whether two nested states are equal bit for bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def compare(whole: Path, cut: Path) -> bool:
    """Whether the last checkpoints of two runs agree in all that decides how they would go on."""
    name = f"iter_{ITERATIONS}.pth"
    if not (cut / name).exists():
        return False
    one, other = load_checkpoint(whole / name), load_checkpoint(cut / name)
    parts = ("state_dict", "optimizer", "param_schedulers", "loop")
    return all(equal(one[part], other[part]) for part in parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16", "fp16"])
    parser.add_argument("--out", type=Path, help="CSV file")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        draw_data(data, images=2, size=64)
        for workers, precision in itertools.product(args.workers, args.precisions):
            options = {
                "model.network.channels": 4,
                "model.network.num_blocks": 1,
                "batch_size": 2,
                "lq_size": 12,
                "train_cfg.max_iters": ITERATIONS,
                "train_cfg.val_interval": INTERVAL,
                "train_dataloader.num_workers": workers,
                "optim_wrapper.precision": precision,
            }
            whole = Path(folder, f"whole-{workers}-{precision}")
            in_a_process(data, whole, options)
            for number, moment in itertools.product(SIGNALS, MOMENTS):
                cut = Path(folder, f"{number.name}-{moment}-{workers}-{precision}")
                hook = dict(type="MomentHook", number=int(number), moment=moment)
                in_a_process(data, cut, options | {"default_hooks.moment": hook})
                interrupted = not (cut / f"iter_{ITERATIONS}.pth").exists()
                in_a_process(data, cut, options, True)
                row = {"signal": number.name, "moment": moment, "workers": workers}
                row |= {"precision": precision, "interrupted": interrupted}
                rows.append(row | {"equal": compare(whole, cut)})
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)
    if args.out:
        write_table(args.out, rows)
    return 0 if all(row["equal"] and row["interrupted"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
