"""Cases of CSNLN and PA-EDSR: networks whose time goes into attention between all patches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from frame.cases import Case, Figure, Variant
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ignn_toolbox.registry import MODELS
from ignn_toolbox.restore.dry_run import fake_tensors
from ignn_toolbox.restore.network_plan import list_convolutions

from .floor import replay
from .networks import image_of

_QUERIES = 768  # of one product of the floor
_TIME = Figure("time", 1.6, 1.3, "floor")
_AS_PUBLISHED = Figure("time", against="products of whole patches")

PYRAMID = {"type": "PyramidAttention"}
CSNLN = {"type": "CSNLN", "channels": 128}
PA_EDSR = {
    "type": "EDSR",
    "channels": 256,
    "num_blocks": 32,
    "res_scale": 0.1,
    "aggregator": {**PYRAMID, "channels": 256, "reduction": 8, "identity_scale": 0.1},
}
CSNLN_TINY = {"type": "CSNLN", "channels": 32, "depth": 4}
PA_EDSR_TINY = {
    "type": "EDSR",
    "channels": 32,
    "num_blocks": 8,
    "aggregator": {**PYRAMID, "channels": 32, "reduction": 4},
}


def attention_cases() -> list[Case]:
    """CSNLN's cell at x2 and x4, PA-EDSR, and the whole networks' peaks."""
    return [
        _case("csnln_x2_cell_96", {**CSNLN, "scale": 2, "depth": 1}, 96, _TIME, _AS_PUBLISHED),
        _case("csnln_x4_cell_48", {**CSNLN, "scale": 4, "depth": 1}, 48, _TIME),
        _case(
            "pa_edsr_x2_96",
            {**PA_EDSR, "scale": 2},
            96,
            _TIME,
            _peak(700, 450, "3,987 MiB of the process"),
        ),
        _case("csnln_tiny_x2_96", {**CSNLN_TINY, "scale": 2}, 96, _TIME, _AS_PUBLISHED),
        _case("pa_edsr_tiny_x2_96", {**PA_EDSR_TINY, "scale": 2}, 96, _TIME, _AS_PUBLISHED),
        _case(
            "csnln_x2_96", {**CSNLN, "scale": 2}, 96, _peak(500, 300, "1,219 MiB of the process")
        ),
        _case("csnln_x4_96", {**CSNLN, "scale": 4}, 96, _peak(1500, 800, "more than 10,700 MiB")),
    ]


def _peak(required: float, aim: float, published: str = "") -> Figure:
    return Figure("peak", required, aim, published=published)


def _case(name: str, network: dict, size: int, *figures: Figure) -> Case:
    variants = {"network": Variant(partial(_network, network, size))}
    compared = {figure.against for figure in figures}
    if "floor" in compared:
        variants["floor"] = Variant(partial(_floor, network, size, False))
    if "products of whole patches" in compared:
        variants["products of whole patches"] = Variant(partial(_floor, network, size, True))
    return Case(
        name,
        "attention",
        f"{size}x{size}, eval; floor: the network's convolutions and its attention's products of "
        "pixels; the products of whole patches are those of the papers, with the convolutions",
        variants,
        figures,
        repeats=1,
    )


def _built(network: dict) -> nn.Module:
    return MODELS.build(network).eval()


def _network(network: dict, size: int, tiny: bool) -> Callable[[], object]:
    built, image = _built(network), image_of(12 if tiny else size)

    def run() -> object:
        with torch.no_grad():
            return built(image)

    return run


def _floor(network: dict, size: int, patches: bool, tiny: bool) -> Callable[[], object]:
    shape = (1, 3, *(12 if tiny else size,) * 2)
    built = _built(network)
    convolutions = replay(list_convolutions(built, shape))
    products = [
        _products(queries, keys, values, 9 if patches and side == 3 else 1)
        for queries, keys, values, side in _attentions(built, shape)
    ]

    def run() -> None:
        convolutions()
        for product in products:
            product()

    return run


def _attentions(network: nn.Module, shape: tuple[int, ...]) -> list[tuple]:
    """Shapes of queries, keys and values of each attention, and the side of its patches."""
    noted = _Noted()
    with fake_tensors(), torch.no_grad():
        image = torch.empty(shape)
        with noted:
            network(image)
    return noted.found


class _Noted(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func._schema.name == "ignn_toolbox::attend_patches":
            queries, keys, values, _, _, side = args
            self.found.append((*(tuple(x.shape) for x in (queries, keys, values)), side))
        return func(*args, **(kwargs or {}))


def _products(
    queries: tuple[int, ...], keys: tuple[int, ...], values: tuple[int, ...], taps: int
) -> Callable[[], None]:
    """Queries times keys, and weights times values, ``taps`` times as deep and as wide."""
    count = queries[1] * queries[2]
    few = torch.randn(min(_QUERIES, count), queries[3] * taps)
    across = torch.randn(keys[1], keys[2] * taps)
    # wider values are taken in turns, so that the floor fits memory
    parts: list[Tensor] = [torch.randn(values[1], values[2])] * taps

    def run() -> None:
        for _ in range(-(-count // _QUERIES)):
            weights = few @ across.mT
            for part in parts:
                weights @ part

    return run
