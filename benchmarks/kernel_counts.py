"""How often a training step or a picture launches something on a GPU, and copies to it or from it.

Runs on a pretend device, without hardware and without numbers. What is counted are torch's
operators on the device that are no views, also inside the toolbox's own: what is launched without
a compiler and without kernels made for the device. Counted is the second call, forward and
backward.

    python benchmarks/kernel_counts.py --out benchmarks/results/kernel_counts.csv
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from frame.pretend_device import Counts, pretend_device
from frame.table import write_table
from mmengine.config import Config
from rich.console import Console
from rich.table import Table
from speed_cases.networks import graph_config
from torch import nn

from ignn_toolbox.models.embedders.frozen import FrozenEmbedder
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo.paths import configs_dir


@dataclass(frozen=True)
class Case:
    """A call that is counted.

    Attributes:
        name: What it is.
        build: Makes the network.
        shape: ``(N, C, H, W)`` of the input.
        limit: Most launches allowed; ``None`` where none is set.
        train: Whether a backward pass follows.
    """

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, int, int, int]
    limit: int | None = None
    train: bool = True


def tiny(name: str, num_neighbors: int = 5) -> Callable[[], nn.Module]:
    """Make the network of the base config ``name``."""

    def build() -> nn.Module:
        network = Config.fromfile(configs_dir() / "_base_" / "models" / f"{name}.py").model.network
        if "aggregator" in network:
            network.aggregator.num_neighbors = num_neighbors
        return MODELS.build(network)

    return build


def full(graph: bool, num_neighbors: int = 5) -> Callable[[], nn.Module]:
    """Make IGNN x2 or EDSR x2 of the papers' size."""

    def build() -> nn.Module:
        aggregator = graph_config(256, 2) | {"num_neighbors": num_neighbors} if graph else None
        return MODELS.build(
            {
                "type": "EDSR",
                "scale": 2,
                "channels": 256,
                "num_blocks": 32,
                "res_scale": 0.1,
                "aggregator": aggregator,
            }
        )

    return build


def cases() -> list[Case]:
    """All cases; what a limit allows at other sizes and k is a tenth more."""
    small, large = 500, 800
    found = [
        Case("edsr_tiny_x2", tiny("edsr_tiny"), (16, 3, 40, 40)),
        Case("ignn_tiny_x2", tiny("ignn_tiny"), (16, 3, 40, 40), small),
        Case("edsr_x2", full(False), (4, 3, 60, 60)),
        Case("ignn_x2", full(True), (4, 3, 60, 60), large),
        Case("ignn_x2, picture", full(True), (1, 3, 256, 256), 700, train=False),
        Case("ignn_x2, picture, k = 9", full(True, 9), (1, 3, 256, 256), 770, train=False),
    ]
    for batch in (1, 16):
        for side in (40, 64):
            for k in (5, 9):
                shape = (batch, 3, side, side)
                name = f"batch {batch}, {side}x{side}, k = {k}"
                limits = (small + small // 10, large + large // 10)
                found += [
                    Case(f"ignn_tiny_x2, {name}", tiny("ignn_tiny", k), shape, limits[0]),
                    Case(f"ignn_x2, {name}", full(True, k), shape, limits[1]),
                ]
    return found


def count(case: Case) -> Counts:
    """Counts of the second call; the first one puts tables on the device."""
    network = ready(case.build()).train(case.train)
    with pretend_device() as device, torch.set_grad_enabled(case.train):
        device.place(network)
        lq = device.empty(*case.shape)
        for _ in range(2):
            network.zero_grad()
            with device.count() as counts:
                sr = network(lq)
                if case.train:
                    sr.abs().mean().backward()
    return counts


def ready(network: nn.Module) -> nn.Module:
    """Give frozen embedders weights, without which they refuse to run."""
    for part in network.modules():
        if isinstance(part, FrozenEmbedder):
            part.load_state_dict(part.state_dict())
    return network


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="CSV file")
    args = parser.parse_args(words)
    rows, table = [], Table("call", "launches", "allowed", "copies to", "copies from")
    for case in cases():
        counts = count(case)
        row = {"call": case.name, "input": "x".join(map(str, case.shape)), "train": case.train}
        row |= {"launches": counts.launches, "allowed": case.limit or ""}
        row |= {"copies_to_device": counts.to_device, "copies_to_host": counts.to_host}
        rows.append(row)
        table.add_row(
            *(str(value) for name, value in row.items() if name not in ("input", "train"))
        )
    Console().print(table)
    if args.out:
        write_table(args.out, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
