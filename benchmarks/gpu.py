"""Time and peak memory of training steps: tiny IGNN, and full IGNN where there is a GPU.

Precision fp32 and bf16, with and without torch.compile and channels_last; every variant trains on
one batch of drawn pictures, so its loss must fall. Without a GPU only the tiny network is stepped,
and the file says so by its device column.

    python benchmarks/gpu.py --out benchmarks/results/train_steps.csv
"""

import argparse
import itertools
import logging
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from data_speed import natural_picture
from frame.measure import can_measure_peak, resident_bytes
from frame.measure import measure as timed
from frame.table import write_table
from mmengine.config import Config
from torch import nn

from ignn_toolbox.datasets.degradations import bicubic_lr
from ignn_toolbox.engine.config import load_config
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
            row |= measure(name, precision, last, compiled, args.steps)
        except torch.cuda.OutOfMemoryError:
            row |= dict.fromkeys(("ms_per_step", "cpu_ms_per_step", "peak_mib"), "out of memory")
            row |= {"first_loss": "", "last_loss": ""}
        rows.append(row)
        print(row, flush=True)
    if args.out:
        write_table(args.out, rows)


def measure(
    name: str, precision: str, channels_last: bool, compiled: bool, steps: int
) -> dict[str, Any]:
    """Median time of a training step after two for warming up, its peak memory, and the losses.

    The peak is that of the GPU's allocator; on a CPU, resident memory above that before the network
    was built.
    """
    cuda = torch.cuda.is_available()
    base = None if cuda or not can_measure_peak() else resident_bytes()
    config_name, changes, batch, crop = NETWORKS[name]
    step = build_step(load_config(config_name, changes), precision, channels_last, compiled)
    lq, gt = (images.to("cuda" if cuda else "cpu") for images in drawn_batch(batch, crop))
    losses = [step(lq, gt) for _ in range(2)]
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    taken = [timed(lambda: losses.append(step(lq, gt)), base) for _ in range(steps)]
    peak = torch.cuda.max_memory_allocated() if cuda else max((t.peak or 0) for t in taken)
    return {
        "ms_per_step": round(1000 * statistics.median(t.wall for t in taken), 1),
        "cpu_ms_per_step": round(1000 * statistics.median(t.cpu for t in taken), 1),
        "peak_mib": round(peak / 2**20) or "",
        "first_loss": round(losses[0], 4),
        "last_loss": round(losses[-1], 4),
    }


def drawn_batch(batch: int, crop: int) -> tuple[torch.Tensor, torch.Tensor]:
    """LR and HR images of drawn pictures, float in [0, 1]."""
    pictures = [natural_picture(2 * crop, seed) for seed in range(batch)]
    lq = [torch.from_numpy(bicubic_lr(picture, 2)) for picture in pictures]
    gt = [torch.from_numpy(picture) for picture in pictures]
    return tuple(torch.stack(part).permute(0, 3, 1, 2).float() / 255 for part in (lq, gt))


def build_step(
    config: Config, precision: str, channels_last: bool, compiled: bool
) -> Callable[[torch.Tensor, torch.Tensor], float]:
    """A training step (forward pass, L1 loss, backward pass, Adam) that returns the loss."""
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

    def step(lq: torch.Tensor, gt: torch.Tensor) -> float:
        with amp:
            sr = forward(lq)
        loss = torch.nn.functional.l1_loss(sr.float(), gt)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.detach())  # waits for the GPU

    return step


if __name__ == "__main__":
    main()
