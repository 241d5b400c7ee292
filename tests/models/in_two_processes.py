"""One of the two processes of `test_ddp`: ``python -m models.in_two_processes RANK FOLDER``.

Takes one step of every case on its own half of the batch. A process that waits in vain for the
other one, because the two do not reduce the same parameters, gives up after a few minutes.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from ignn_toolbox.models.spec import Given, Outputs
from ignn_toolbox.registry import MODELS

from . import tiny

PATIENCE = timedelta(minutes=4)
SIZE = (12, 11)


class Case(NamedTuple):
    """What is trained, and how."""

    config: dict
    dtype: torch.dtype = torch.float64
    is_bfloat16: bool = False  # under autocast
    is_recomputed: bool = False
    is_given: bool = False  # the searched image


GRAPH = {"type": "GraphAgg"} | tiny.AGGREGATORS["GraphAgg"]
EDSR = {"type": "EDSR"} | tiny.NETWORKS["EDSR"]
SEVERAL = [
    name
    for name, options in tiny.NETWORKS.items()
    if MODELS.build({"type": name} | options).spec.outputs
]
CASES = {name: Case({"type": name} | tiny.NETWORKS[name]) for name in SEVERAL}
CASES |= {
    f"{name}, recomputed in bfloat16": Case(case.config, torch.float32, True, True)
    for name, case in CASES.items()
}
CASES |= {
    "a graph": Case(EDSR | {"aggregator": GRAPH | {"memory": "fast"}}),
    "a graph, recomputed": Case(EDSR | {"aggregator": GRAPH | {"memory": "low"}}),
    "a graph of a given image": Case(EDSR | {"aggregator": GRAPH}, is_given=True),
}


class Trained(nn.Module):
    """The network, recomputed or not, as the module that is distributed."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = MODELS.build(case.config).train().to(case.dtype)
        self.is_recomputed = case.is_recomputed
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()  # else each process would have statistics of its own

    def forward(self, lq: Tensor, given: Given | None) -> Tensor | Outputs:
        if self.is_recomputed:
            return checkpoint(self.network, lq, given, use_reentrant=False)
        return self.network(lq, given)


def pictures(case: Case) -> tuple[Tensor, Tensor]:
    """A batch of two, and each half as large."""
    channels = MODELS.build(case.config).spec.channels[0]
    generator = torch.Generator().manual_seed(1)
    lq = torch.rand(2, channels, *SIZE, generator=generator, dtype=case.dtype)
    small = torch.rand(2, channels, *(n // 2 for n in SIZE), generator=generator, dtype=case.dtype)
    return lq, small


def step(model: nn.Module, case: Case, images: slice = slice(None)) -> None:
    """One backward pass of the mean of all outputs."""
    lq, small = (batch[images] for batch in pictures(case))
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=case.is_bfloat16):
        out = model(lq, Given(image_down=small) if case.is_given else None)
    made = (out.sr, *out.earlier) if isinstance(out, Outputs) else (out,)
    sum(image.to(lq.dtype).square().mean() for image in made).backward()


def gradients(trained: Trained) -> dict[str, Tensor | None]:
    """Of all that is trained."""
    named = trained.network.named_parameters()
    return {name: p.grad for name, p in named if p.requires_grad}


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    store = torch.distributed.FileStore(str(folder / "store"), 2)
    torch.distributed.init_process_group(
        "gloo", store=store, rank=rank, world_size=2, timeout=PATIENCE
    )
    found = {}
    for name, case in CASES.items():
        print(name, flush=True)
        trained = Trained(case)
        wrapped = DistributedDataParallel(trained, find_unused_parameters=False)
        for _ in range(2):  # the second step would meet what the first one has left unreduced
            trained.zero_grad()
            step(wrapped, case, slice(rank, rank + 1))
        found[name] = gradients(trained)
    torch.save(found, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
