"""Cases of training: GraphAgg's backward pass and whole steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from frame.cases import Case, Figure, Variant
from torch import Tensor, nn

from ignn_toolbox.restore.network_plan import list_convolutions

from . import textbook
from .floor import replay
from .model import own_convolutions
from .networks import (
    aggregator_call,
    build_aggregator,
    build_network,
    build_tiny_network,
    image_of,
)

_TINY_CROP, _TINY_BATCH = 40, 16


def train_cases() -> list[Case]:
    """Backward passes and training steps."""
    return [
        _graph_agg_case(24, Figure("peak"), with_textbook=True),
        _graph_agg_case(80, Figure("peak", 800, 400, published="23,600 MiB (cannot run)")),
        _step_case(
            60,
            Figure("peak", 1900, 1500, published="7,800 MiB"),
            Figure("time", 2.1, 1.8, "edsr", published="about 5"),
        ),
        _tiny_case(),
        _plain_case(),
    ]


def _graph_agg_case(size: int, peak: Figure, with_textbook: bool = False) -> Case:
    variants = {
        "graphagg": Variant(partial(_forward_backward, size, False)),
        "floor": Variant(partial(_forward_backward_floor, size)),
    }
    if with_textbook:
        variants["textbook"] = Variant(partial(_forward_backward, size, True))
    return Case(
        f"graphagg_x2_{size}_train",
        "train",
        f"GraphAgg x2 forward and backward, {size}x{size}, batch 1; floor: convolutions of DEN and "
        "ECN, both ways",
        variants,
        (peak, Figure("time", against="floor")),
    )


def _forward_backward(size: int, by_textbook: bool, tiny: bool) -> Callable[[], object]:
    module, features, image = aggregator_call(size, 2, tiny)
    module.train()
    features.requires_grad_()
    wanted = [features, *(p for p in module.parameters() if p.requires_grad)]

    def run() -> object:
        call = partial(textbook.graph_agg, module) if by_textbook else module
        lr, hr = call(features, image)
        loss = lr.abs().mean() + hr.abs().mean()
        del lr, hr
        return torch.autograd.grad(loss, wanted)

    return run


def _forward_backward_floor(size: int, tiny: bool) -> Callable[[], object]:
    module = build_aggregator(2, 16 if tiny else 256).train()
    return replay(own_convolutions(module, 18 if tiny else size, train=True))


def _step_case(size: int, peak: Figure, time: Figure) -> Case:
    return Case(
        f"ignn_x2_{size}_train",
        "train",
        f"whole IGNN x2 training step (forward, backward, Adam), {size}x{size}, batch 1, beside "
        "EDSR; peak above the built model; floor: all its convolutions",
        {
            "ignn": Variant(partial(_full_step, size, True)),
            "edsr": Variant(partial(_full_step, size, False)),
            "floor": Variant(partial(_full_step_floor, size)),
        },
        (peak, time, Figure("time", against="floor")),
    )


def _full_step(size: int, graph: bool, tiny: bool) -> Callable[[], object]:
    return _step(build_network(graph, tiny), 18 if tiny else size, 1)


def _full_step_floor(size: int, tiny: bool) -> Callable[[], object]:
    side = 18 if tiny else size
    return replay(list_convolutions(build_network(True, tiny).train(), (1, 3, side, side), True))


def _tiny_case() -> Case:
    return Case(
        "ignn_tiny_x2_train",
        "train",
        f"ignn_tiny_x2 training step, LR {_TINY_CROP}, batch {_TINY_BATCH}, beside edsr_tiny_x2; "
        "floor: all its convolutions",
        {
            "ignn_tiny": Variant(partial(_tiny_step, "ignn_tiny")),
            "edsr_tiny": Variant(partial(_tiny_step, "edsr_tiny")),
            "floor": Variant(_tiny_floor),
        },
        (
            Figure("peak"),
            Figure("time", against="edsr_tiny", published="about 6"),
            Figure("time by arithmetic", 1.4, 1.2, "edsr_tiny", _tiny_arithmetic),
            Figure("time", against="floor"),
        ),
        repeats=9,
    )


def _plain_case() -> Case:
    return Case(
        "edsr_tiny_x2_step",
        "train",
        f"edsr_tiny_x2 training step, LR {_TINY_CROP}, batch {_TINY_BATCH}, beside its layers "
        "called one after the other, without steps and checks",
        {
            "network": Variant(partial(_tiny_step, "edsr_tiny")),
            "plain": Variant(_plain_step),
        },
        (Figure("peak"), Figure("time", 1.01, 1.0, "plain")),
        repeats=25,
    )


class _Plain(nn.Module):
    """The layers of a backbone without aggregator."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, lq: Tensor) -> Tensor:
        own = self.network
        head = x = own.stem(own.sub_mean(lq))
        for block in own.blocks:
            x = block(x)
        x = own.body_end(x) + head
        for stage in own.upsampler:
            x = stage(x)
        return own.enlarge(lq) + x if own.add_mean is None else own.add_mean(own.output(x))


def _plain_step(tiny: bool) -> Callable[[], object]:
    network = _Plain(build_tiny_network("edsr_tiny"))
    return _step(network, 18, 1) if tiny else _step(network, _TINY_CROP, _TINY_BATCH)


def _tiny_step(name: str, tiny: bool) -> Callable[[], object]:
    network = build_tiny_network(name)
    return _step(network, 18, 1) if tiny else _step(network, _TINY_CROP, _TINY_BATCH)


def _tiny_floor(tiny: bool) -> Callable[[], object]:
    shape = (1, 3, 18, 18) if tiny else (_TINY_BATCH, 3, _TINY_CROP, _TINY_CROP)
    return replay(list_convolutions(build_tiny_network("ignn_tiny"), shape, True))


def _tiny_arithmetic() -> float:
    shape = (_TINY_BATCH, 3, _TINY_CROP, _TINY_CROP)
    with_graph, without = (
        sum(c.multiplications for c in list_convolutions(build_tiny_network(name), shape, True))
        for name in ("ignn_tiny", "edsr_tiny")
    )
    return with_graph / without


def _step(network: nn.Module, size: int, batch: int) -> Callable[[], object]:
    network.train()
    image = image_of(size, batch)
    gt = torch.rand(batch, 3, 2 * size, 2 * size)
    wanted = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(wanted, lr=1e-4)

    def run() -> None:
        optimizer.zero_grad()
        F.l1_loss(network(image), gt).backward()
        optimizer.step()

    return run
