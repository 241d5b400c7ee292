"""GCDN.

Paper: Valsesia, Fracastoro, Magli, "Deep Graph-Convolutional Image Denoising", IEEE Transactions on
Image Processing, 2020. Status: equal to the authors' code on its golden case, with its graph of all
pixels; its released weights were not compared.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..aggregators.graph_convolution import (
    NEAREST,
    EdgeConvolution,
    check_graph,
    least_size,
    nearest_pixels,
    sequence,
)
from ..foreign import DEFAULTS, Foreign, Options, State, count
from ..reach import Reach
from ..spec import Given, NetworkSpec
from ..steps import Allocate, Attention, Network, Part, Place

_BRANCHES = (3, 5, 7)  # kernels of the three first branches
_SLOPE = 0.2
_MOST_PIXELS = 2**24  # whose indices a map of float32 holds exactly


class Graph(Attention):
    """The graph of similar pixels, a map of the neighbours' indices.

    Args:
        num_neighbors: Neighbours of a pixel.
        window: See `nearest_pixels`.
    """

    def __init__(self, num_neighbors: int, window: int | None) -> None:
        super().__init__()
        self.num_neighbors, self.window = num_neighbors, window

    def prepare(
        self,
        features: Tensor,
        *guides: Tensor,
        given: Given | None = None,
        allocate: Allocate | None = None,
    ) -> Tensor:
        """Search; see `Attention.prepare`."""
        height, width = features.shape[-2:]
        if height * width > _MOST_PIXELS:
            raise ValueError(
                f"a {height}x{width} picture is too large for GCDN, which takes at most "
                f"{_MOST_PIXELS} pixels; cut it"
            )
        return nearest_pixels(features, self.num_neighbors, self.window)

    def attend(self, prepared: Tensor, features: Tensor, place: Place) -> Tensor:
        """Cut the region out; see `Attention.attend`."""
        own = place.region
        rows, cols = (slice(own.top, own.top + own.height), slice(own.left, own.left + own.width))
        return prepared[:, :, rows, cols].to(features)


class Edges(Attention):
    """The graph convolution of features behind which the graph stands.

    Args:
        channels: Of the features.
        channels_out: Of the result.
        rank: See `EdgeConvolution`.
        stride: Its shifts.
        stride_out: Its shifts on the side of the result.
    """

    def __init__(
        self, channels: int, channels_out: int, rank: int, stride: int, stride_out: int
    ) -> None:
        super().__init__()
        self.channels = channels
        self.convolution = EdgeConvolution(channels, channels_out, rank, stride, stride_out)

    def prepare(
        self,
        features: Tensor,
        *guides: Tensor,
        given: Given | None = None,
        allocate: Allocate | None = None,
    ) -> Tensor:
        """Lay the features out; see `Attention.prepare`."""
        device = self.convolution.hidden.weight.device
        return sequence(features[:, : self.channels].to(device)).contiguous()

    def attend(self, prepared: Tensor, features: Tensor, place: Place) -> Tensor:
        """Convolve; see `Attention.attend`."""
        own, graph = sequence(features).split((self.channels, features.shape[1] - self.channels), 2)
        made = self.convolution(own, graph.long(), prepared)
        return made.transpose(1, 2).unflatten(2, features.shape[-2:])


def _conv(channels: int, channels_out: int, kernel: int = 3, bias: bool = False) -> nn.Conv2d:
    conv = nn.Conv2d(
        channels, channels_out, kernel, padding=kernel // 2, padding_mode="reflect", bias=bias
    )
    nn.init.xavier_normal_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.001)


class Update(Part):
    """A pixel's new features: the mean of a convolution and of the graph's, and a bias.

    Args:
        channels: Of the features.
        channels_out: Of the result.
        rank: See `EdgeConvolution`.
        stride: Its shifts.
        norm: Whether batch normalisation follows.
        activated: Whether a leaky ReLU follows.
    """

    def __init__(
        self,
        channels: int,
        channels_out: int,
        rank: int,
        stride: int,
        norm: bool = False,
        activated: bool = True,
    ) -> None:
        super().__init__()
        self.conv = _conv(channels, channels_out)
        self.edges = Edges(channels, channels_out, rank, stride, min(stride, channels_out))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.norm = _norm(channels_out) if norm else None
        self.activated = activated

    def run(self, x: Any, graph: Any, seen: Any, go: Any) -> Any:
        """Update.

        Args:
            x: The features ``(N, C, H, W)``.
            graph: From `Graph`.
            seen: What the convolution reads: the features, but for one slip of the released code.
            go: The interpreter.
        """
        found = go.attend(self.edges, go.local(_joined, x, graph, through=()))
        return go.local(self._made, seen, found, through=(self.conv,))

    def _made(self, seen: Tensor, found: Tensor) -> Tensor:
        x = (self.conv(seen) + found) / 2 + self.bias[:, None, None]
        if self.norm is not None:
            x = self.norm(x)
        return F.leaky_relu(x, _SLOPE) if self.activated else x


class Activated(nn.Module):
    """Convolution, batch normalisation where there is one, leaky ReLU."""

    def __init__(self, channels: int, channels_out: int, kernel: int = 3, norm: bool = False):
        super().__init__()
        self.conv = _conv(channels, channels_out, kernel, bias=norm)
        self.norm = _norm(channels_out) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return F.leaky_relu(x if self.norm is None else self.norm(x), _SLOPE)

    def reach(self) -> Reach:
        """That of the convolution."""
        return Reach.of(self.conv)


class Filter(Part):
    """A convolution, the graph of its result, and updates on that graph.

    Args:
        channels: Of the features.
        num_updates: How many.
        rank: See `EdgeConvolution`.
        stride: Its shifts.
        graph: Searches.
        norm: Whether the updates are normalised.
    """

    def __init__(
        self, channels: int, num_updates: int, rank: int, stride: int, graph: Graph, *, norm: bool
    ) -> None:
        super().__init__()
        self.conv = Activated(channels, channels, norm=True)
        self.graph = graph
        self.updates = nn.ModuleList(
            Update(channels, channels, rank, stride, norm) for _ in range(num_updates)
        )

    def run(self, x: Any, go: Any) -> Any:
        """``(N, C, H, W)`` to the same shape."""
        x = go.local(self.conv, x)
        graph = go.attend(self.graph, x)
        for update in self.updates:
            x = go.local(update, x, graph, x)
        return x


class LowPass(Part):
    """LPF: a proximal step towards the high-pass features, and a filter with its input added."""

    def __init__(self, *args: Any) -> None:
        super().__init__()
        self.filter = Filter(*args, norm=True)
        self.alpha, self.beta = (nn.Parameter(torch.tensor(0.5)) for _ in range(2))

    def run(self, x: Any, high: Any, go: Any) -> Any:
        """``(N, C, H, W)`` to the same shape."""
        mixed = go.local(self._mixed, x, high, through=())
        return go.local(torch.add, go.local(self.filter, mixed), mixed, through=())

    def _mixed(self, x: Tensor, high: Tensor) -> Tensor:
        return self.beta * high + (1 - self.alpha) * x


def _joined(*maps: Tensor) -> Tensor:
    return torch.cat(maps, 1)


def _activated(*maps: Tensor) -> Tensor:
    return F.leaky_relu(torch.cat(maps, 1), _SLOPE)


def _arguments(state: State, options: Options) -> dict[str, Any]:
    channels = state["W/hpf_c_0"].shape[-1]
    rank = state["W/hpf_nl_0_flayer1_thl"].shape[1]
    told = options.window != DEFAULTS.window
    return {
        "channels": channels,
        "rank": rank,
        "stride": state["W/hpf_nl_0_flayer1_th1"].shape[1] // rank,
        "pre_stride": state["W/pregconv3_nl_0_flayer1_th1"].shape[1] // rank,
        "num_convs": count(state, "W/pre3_l_*"),
        "num_high": count(state, "W/hpf_l_*"),
        "num_blocks": count(state, "W/prox_c_*"),
        "num_updates": count(state, "W/prox0_l_*"),
        **({"window": options.window} if told else {}),
    }


def _edges(theirs: str, ours: str) -> dict[str, str | None]:
    """Names of a graph convolution."""
    own = f"{ours}.edges.convolution"
    return {
        f"W/{theirs}_flayer0": f"{own}.hidden.weight",
        f"b/{theirs}_flayer0": f"{own}.hidden.bias",
        f"W/{theirs}_flayer1_th1": f"{own}.theta_in.linear.weight",
        f"b/{theirs}_flayer1_th1": f"{own}.theta_in.bias",
        f"W/{theirs}_flayer1_th2": f"{own}.theta_out.linear.weight",
        f"b/{theirs}_flayer1_th2": f"{own}.theta_out.bias",
        f"W/{theirs}_flayer1_thl": f"{own}.weigh.weight",
        f"b/{theirs}_flayer1_thl": f"{own}.weigh.bias",
    }


def _normalisation(theirs: str, ours: str) -> dict[str, str | None]:
    return {
        f"bn_scale/bn_scale_{theirs}": f"{ours}.norm.weight",
        f"beta/bn_beta_{theirs}": f"{ours}.norm.bias",
        f"pop_mean/bn_pop_mean_{theirs}": f"{ours}.norm.running_mean",
        f"pop_var/bn_pop_var_{theirs}": f"{ours}.norm.running_var",
    }


def _names(state: State, options: Options) -> dict[str, str | None]:
    names: dict[str, str | None] = {
        "W/hpf_c_0": "high.conv.conv.weight",
        "b/hpf_cb_0": "high.conv.conv.bias",
        "W/last_l_0": "last.conv.weight",
        "b/last_0": "last.bias",
        "W/hpf_l_*": "high.updates.*.conv.weight",
        "b/hpf_*": "high.updates.*.bias",
        "W/prox_c_*": "blocks.*.filter.conv.conv.weight",
        "b/prox_cb_*": "blocks.*.filter.conv.conv.bias",
        "W/prox*_l_*": "blocks.*.filter.updates.*.conv.weight",
        "b/prox*_*": "blocks.*.filter.updates.*.bias",
        "ab/alpha_*": "blocks.*.alpha",
        "ab/beta_*": "blocks.*.beta",
        "beta/beta_*": "blocks.*.beta",
        **_edges("hpf_nl_*", "high.updates.*"),
        **_edges("prox*_nl_*", "blocks.*.filter.updates.*"),
        **_edges("last_nl_0", "last"),
        **_normalisation("hpf_c__0", "high.conv"),
        **_normalisation("prox_c__*", "blocks.*.filter.conv"),
        **_normalisation("prox*_*", "blocks.*.filter.updates.*"),
    }
    for number, kernel in enumerate(_BRANCHES):
        names |= {
            f"W/pre{kernel}_l_*": f"branches.{number}.*.conv.weight",
            f"W/pregconv{kernel}_l_0": f"first.{number}.conv.weight",
            f"b/pregconv{kernel}_0": f"first.{number}.bias",
            **_edges(f"pregconv{kernel}_nl_0", f"first.{number}"),
        }
    return names


def _laid_out(name: str, value: Tensor) -> Tensor:
    """TensorFlow's layouts: (height, width, in, out), (in, out), biases with an axis before."""
    if name.endswith(".weight"):
        if value.ndim == 4:
            return value.permute(3, 2, 0, 1).contiguous()
        return value.t().contiguous() if value.ndim == 2 else value
    return value[0] if value.ndim > 1 else value


@MODELS.register_module()
class GCDN(Network):
    """GCDN: the noise is estimated by filters on graphs of similar pixels, and subtracted.

    Args:
        channels: Feature channels, a multiple of 3.
        rank: Of an edge's matrix.
        stride: Shifts in the layers that make these, see `LowRank`; a third of the channels when
            ``None``.
        pre_stride: The same in the three branches; their channels when ``None``.
        num_convs: Convolutions of a branch before its update.
        num_high: Updates of the high-pass filter.
        num_blocks: Low-pass filters.
        num_updates: Updates of one.
        num_neighbors: Neighbours of a pixel.
        window: Side of the square around a pixel that is searched for them. A picture with a
            shorter side is searched whole, as the authors' patches of 42x42 in training.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "GCDN's authors",
            ("W/pre3_l_*", "W/hpf_nl_*_flayer0", "W/prox_c_*", "W/last_nl_0_flayer0"),
            _arguments,
            _names,
            options=("window",),
            laid_out=_laid_out,
        ),
    )

    def __init__(
        self,
        channels: int = 132,
        rank: int = 11,
        stride: int | None = None,
        pre_stride: int | None = None,
        num_convs: int = 3,
        num_high: int = 3,
        num_blocks: int = 4,
        num_updates: int = 3,
        num_neighbors: int = NEAREST,
        window: int | None = 49,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_graph(num_neighbors, window)
        if channels % 3:
            raise ValueError(f"channels={channels} must be a multiple of 3: there are 3 branches")
        self.spec = NetworkSpec(
            1,
            (1, 1),
            "grey",
            min_size=max(least_size(num_neighbors), _BRANCHES[-1] // 2 + 1),
            precisions=frozenset(),
            purpose="denoising",
            not_exported="its search for similar pixels has no form in ONNX",
        )
        third = channels // 3
        stride, pre_stride = stride or third, pre_stride or third
        self.graph = Graph(num_neighbors, window)
        self.branches = nn.ModuleList(
            nn.ModuleList(Activated(third if n else 1, third, kernel) for n in range(num_convs))
            for kernel in _BRANCHES
        )
        self.first = nn.ModuleList(
            Update(third, third, rank, pre_stride, activated=False) for _ in _BRANCHES
        )
        shared = (rank, stride, self.graph)
        self.high = Filter(channels, num_high, *shared, norm=False)
        self.blocks = nn.ModuleList(
            LowPass(channels, num_updates, *shared) for _ in range(num_blocks)
        )
        self.last = Update(channels, 1, rank, stride, activated=False)

    def run(self, lq: Any, go: Any) -> Any:
        """Branches, high-pass filter, low-pass filters, and the picture less the noise."""
        updated: list[Any] = []
        for number, (branch, update) in enumerate(zip(self.branches, self.first, strict=True)):
            x = lq
            for layer in branch.children():
                x = go.local(layer, x)
            graph = go.attend(self.graph, x)
            # the second branch's convolution reads the first one's result: so in the released code
            updated.append(go.local(update, x, graph, updated[0] if number == 1 else x))
        x = go.local(_activated, *updated, through=())
        high = go.local(self.high, x)
        for block in self.blocks:
            x = go.local(block, x, high)
        noise = go.local(self.last, x, go.attend(self.graph, x), x)
        return go.local(torch.sub, lq, noise, through=())
