"""Cases of inference: GraphAgg alone and whole networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from frame.cases import Case, Figure, Variant
from torch import nn

from ignn_toolbox.restore.dry_run import Convolution
from ignn_toolbox.restore.network_plan import list_convolutions

from . import textbook
from .floor import replay
from .networks import aggregator_call, build_aggregator, build_network, image_of

_PEAK, _TIME = Figure("peak"), Figure("time", against="floor")


def model_cases() -> list[Case]:
    """Inference of GraphAgg and of whole networks."""
    return [
        _graph_agg_case(48, 2, _PEAK, _TIME, with_textbook=True),
        _graph_agg_case(
            256,
            2,
            Figure("peak", 1200, 800, published="13,600 MiB"),
            Figure("time", 1.6, 1.3, "floor", published="about 6"),
            repeats=3,
        ),
        _graph_agg_case(120, 3, Figure("peak", 700, 500, published="6,700 MiB"), _TIME),
        _growth_case((96, 160, 224)),
        _network_case(48, _PEAK, Figure("time", against="edsr")),
        _network_case(
            256,
            Figure("peak", 1600, 1100, published="13,700 MiB"),
            Figure("time", 1.9, 1.7, "edsr", published="about 4"),
            repeats=3,
        ),
    ]


def _graph_agg_case(
    size: int,
    scale: int,
    *figures: Figure,
    with_textbook: bool = False,
    repeats: int = 5,
) -> Case:
    variants = {
        "graphagg": Variant(partial(_graph_agg, size, scale)),
        "floor": Variant(partial(_graph_agg_floor, size, scale)),
    }
    if with_textbook:
        variants["textbook"] = Variant(partial(_graph_agg_textbook, size, scale))
    return Case(
        f"graphagg_x{scale}_{size}",
        "model",
        f"GraphAgg x{scale} with fusion, {size}x{size}, 256 channels, eval; floor: convolutions of "
        "DEN and ECN",
        variants,
        figures,
        repeats,
    )


def _graph_agg(size: int, scale: int, tiny: bool) -> Callable[[], object]:
    module, features, image = aggregator_call(size, scale, tiny)
    return _without_gradient(lambda: module(features, image))


def _graph_agg_textbook(size: int, scale: int, tiny: bool) -> Callable[[], object]:
    module, features, image = aggregator_call(size, scale, tiny)
    return _without_gradient(lambda: textbook.graph_agg(module, features, image))


def _graph_agg_floor(size: int, scale: int, tiny: bool) -> Callable[[], object]:
    module = build_aggregator(scale, 16 if tiny else 256)
    return replay(own_convolutions(module, 18 if tiny else size))


def own_convolutions(module: nn.Module, size: int, train: bool = False) -> list[Convolution]:
    """Convolutions of DEN and ECN in one call of GraphAgg, which loses its fusion by it."""
    module.fuse = _TakeSecond()
    convolutions = list_convolutions(_Alone(module), (1, 3, size, size), train)
    return [c for c in convolutions if c.stage != "aggregator.embedder"]


class _TakeSecond(nn.Module):
    def forward(self, features: torch.Tensor, extra: torch.Tensor) -> torch.Tensor:
        return extra


class _Alone(nn.Module):
    """An aggregator as a network on images, on features that are zero."""

    def __init__(self, aggregator: nn.Module) -> None:
        super().__init__()
        self.aggregator = aggregator

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        channels = self.aggregator.hr_channels
        features = image.new_zeros(len(image), channels, *image.shape[-2:])
        features = features.requires_grad_(torch.is_grad_enabled())
        lr, hr = self.aggregator(features, image)
        return torch.cat((lr.flatten(), hr.flatten()))


def _growth_case(sizes: tuple[int, ...]) -> Case:
    return Case(
        "graphagg_x2_growth",
        "model",
        f"GraphAgg x2 at {', '.join(f'{n}x{n}' for n in sizes)}: peak by LR pixels",
        {f"{n}x{n}": Variant(partial(_graph_agg, n, 2), n * n) for n in sizes},
        (Figure("growth", 0.02, 0.012, published="0.21 MiB"),),
        repeats=1,
    )


def _network_case(size: int, *figures: Figure, repeats: int = 5) -> Case:
    return Case(
        f"ignn_x2_{size}",
        "model",
        f"whole IGNN x2, {size}x{size}, eval, beside EDSR; floor: all its convolutions",
        {
            "ignn": Variant(partial(_network, size, True)),
            "edsr": Variant(partial(_network, size, False)),
            "floor": Variant(partial(_network_floor, size)),
        },
        (*figures, _TIME),
        repeats,
    )


def _network(size: int, graph: bool, tiny: bool) -> Callable[[], object]:
    network = build_network(graph, tiny)
    image = image_of(18 if tiny else size)
    return _without_gradient(lambda: network(image))


def _network_floor(size: int, tiny: bool) -> Callable[[], object]:
    side = 18 if tiny else size
    return replay(list_convolutions(build_network(True, tiny), (1, 3, side, side)))


def _without_gradient(call: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        with torch.no_grad():
            return call()

    return run
