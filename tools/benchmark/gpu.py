"""Time and peak memory of training steps: tiny IGNN, and full IGNN where there is a GPU.

Precision fp32 and bf16, with and without torch.compile and channels_last. Without a GPU only the
tiny network is stepped, and the file says so by its device column.

    python tools/benchmark/gpu.py --out benchmarks/results/train_steps.csv
"""

import argparse
import itertools
import logging
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _common import write_table
from mmengine.config import Config
from torch import nn

from ignn_toolbox.engine.config import load_config
from ignn_toolbox.engine.log import peak_memory_mib
from ignn_toolbox.registry import MODELS

# name -> config, changes, batch, LR crop
NETWORKS: dict[str, tuple[str, dict[str, Any], int, int]] = {
    "tiny IGNN": (
        "ignn-tiny_x2c32b8k5d30_1xb16-2k_bsds-t91",
        {"model.network.init_cfg": None},
        16,
        40,
    ),
    "IGNN": (
        "ignn_x2c256b32k5d30_1xb4-800k_div2k",
        {"model.network.init_cfg": None, "model.network.aggregator.embedder.weights": "random"},
        4,
        60,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, help="default: what fits here")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--out", type=Path, help="CSV file")
    args = parser.parse_args()
    cuda = torch.cuda.is_available()
    names = args.networks or (list(NETWORKS) if cuda else ["tiny IGNN"])
    compile_options = (False,) if args.no_compile else (False, True)
    rows = []
    for name, precision, last, compiled in itertools.product(
        names, ("fp32", "bf16"), (False, True), compile_options
    ):
        row: dict[str, Any] = {"network": name, "precision": precision}
        row |= {"channels_last": last, "compile": compiled}
        try:
            seconds, memory = measure(name, precision, last, compiled, args.steps)
            row |= {"ms_per_step": round(1000 * seconds, 1), "peak_mib": memory, "note": ""}
        except torch.cuda.OutOfMemoryError:
            row |= {"ms_per_step": "", "peak_mib": "", "note": "out of memory"}
        rows.append(row)
        print(row, flush=True)
    if args.out:
        write_table(args.out, rows)


def measure(
    name: str, precision: str, channels_last: bool, compiled: bool, steps: int
) -> tuple[float, int | None]:
    """Median seconds of a training step after two for warming up, and the peak memory in MiB.

    On a CPU the peak is that of the whole process and only tells for the first variant; None
    stands for the others.
    """
    config_name, changes, batch, crop = NETWORKS[name]
    step = build_step(load_config(config_name, changes), precision, channels_last, compiled)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    lq = torch.rand(batch, 3, crop, crop, device=device)
    gt = torch.rand(batch, 3, 2 * crop, 2 * crop, device=device)
    for _ in range(2):
        step(lq, gt)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(steps):
        _wait(device)
        begun = time.perf_counter()
        step(lq, gt)
        _wait(device)
        times.append(time.perf_counter() - begun)
    return statistics.median(times), peak_memory_mib() if device == "cuda" else None


def build_step(
    config: Config, precision: str, channels_last: bool, compiled: bool
) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """A training step: forward pass, L1 loss, backward pass, Adam."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    restorer = MODELS.build(config.model)
    logging.disable(logging.INFO)  # mmengine lists every tensor that it initialises
    restorer.init_weights()
    logging.disable(logging.NOTSET)
    network: nn.Module = restorer.network.to(device).train()
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    forward = torch.compile(network) if compiled else network
    trainable = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trainable, lr=1e-4)
    amp = torch.autocast(device, torch.bfloat16, enabled=precision == "bf16")

    def step(lq: torch.Tensor, gt: torch.Tensor) -> None:
        with amp:
            sr = forward(lq)
        torch.nn.functional.l1_loss(sr.float(), gt).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
