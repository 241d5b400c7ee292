"""Compares one process with two that share its batch: gradients, weights and scores.

Two processes of batch 2 see the samples of one process of batch 4, iteration by iteration.

    python benchmarks/processes.py --out benchmarks/results/processes.csv
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from frame.drawn import draw_data
from frame.table import write_table

from ignn_toolbox.checkpoint import load_checkpoint

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIG = "edsr-tiny_x2c32b8_1xb16-7k_bsds-t91"
# After one step of plain descent the weights have moved along the gradient; at a high rate, by much
# more than they are rounded to. The loss is smooth: an L1 loss's gradient jumps where a pixel is
# exact, and rounding decides to which side.
RATE = 100.0
GRADIENT = (
    f"optim_wrapper.optimizer={{'_delete_': True, 'type': 'SGD', 'lr': {RATE}}}",
    "model.loss.type=MSELoss",
    "param_scheduler=None",
    "train_cfg.max_iters=1",
)
LENGTH = 40
PSNR = "bsds399_val20/PSNR"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="CSV file")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        draw_data(root / "data")
        start = weights(run(root, "start", 1, [*GRADIENT[1:], "optim_wrapper.optimizer.lr=0.0"]))
        steps = [weights(run(root, f"step{n}", n, list(GRADIENT))) for n in (1, 2)]
        one, two = ({key: (step[key] - start[key]) / RATE for key in start} for step in steps)
        rows.append({"what": "gradient of the first batch", "iterations": 1} | distance(one, two))
        whole = [f"train_cfg.max_iters={LENGTH}", f"train_cfg.val_interval={LENGTH}"]
        ends = [run(root, f"end{n}", n, whole) for n in (1, 2)]
        row = {"what": "weights after Adam", "iterations": LENGTH}
        rows.append(row | distance(*map(weights, ends)))
        scores = [{"PSNR": torch.tensor(end["meta"]["metrics"][PSNR])} for end in ends]
        row = {"what": "PSNR of the validation set, dB", "iterations": LENGTH}
        rows.append(row | distance(*scores))
    for row in rows:
        print(row)
    if args.out:
        write_table(args.out, rows)


def run(root: Path, name: str, processes: int, options: list[str]) -> dict[str, Any]:
    """Train with a batch of 4 in all; return the last checkpoint."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
    words += ["--master_port", str(port), "tools/train.py", CONFIG, "--launcher", "pytorch"]
    words += ["--data-root", str(root / "data"), "--work-dir", str(root / name)]
    words += ["--cfg-options", f"batch_size={4 // processes}", "lq_size=24", *options]
    variables = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        words, cwd=REPOSITORY, env=os.environ | variables, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    (last,) = (root / name).glob("iter_*.pth")
    return load_checkpoint(last)


def weights(checkpoint: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The trained tensors, in double precision."""
    return {key: value.double() for key, value in checkpoint["state_dict"].items()}


def distance(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> dict[str, float]:
    """Largest value, largest difference, and their ratio."""
    largest = max(float(value.abs().max()) for value in one.values())
    difference = max(float((one[key] - two[key]).abs().max()) for key in one)
    figures = {"largest_value": largest, "largest_difference": difference}
    figures["relative"] = difference / largest
    return {key: float(f"{value:.3g}") for key, value in figures.items()}


if __name__ == "__main__":
    main()
