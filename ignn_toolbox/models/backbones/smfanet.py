"""SMFANet.

Paper: Zheng, Sun, Dong, Pan, "SMFANet: A Lightweight Self-Modulation Feature Aggregation Network
for Efficient Image Super-Resolution", ECCV 2024. Status: equal to the authors' code with their
weights, which score their published figures (`docs/rivals.md`); 185,628, 190,503 and 197,328
parameters at x2, x3 and x4. Every block sees the whole picture: the variance of its channels, and
the largest values in cells whose places depend on the picture's size.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..foreign import Foreign, Options, State, count
from ..layers import UpsampleStage
from ..reach import Reach
from ..spec import NetworkSpec
from ..statistics import AdaptiveMaxPool, Variance
from ..steps import Part, Place
from .host import Host, Stage

_CELL = 8  # pixels of a pooled cell's side, about


class Aggregation(Part):
    """SMFA: self-modulation feature aggregation.

    Half of the channels, x, are weighted by what the whole picture says of them; the other half, y,
    pass a local branch.

    Args:
        channels: Of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.split = nn.Conv2d(channels, 2 * channels, 1)
        self.pooled = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.belt = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.weigh = nn.Conv2d(channels, channels, 1)
        self.spread = nn.Conv2d(channels, 2 * channels, 3, padding=1, groups=channels)
        self.mix = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.gather = nn.Conv2d(2 * channels, channels, 1)
        self.join = nn.Conv2d(channels, channels, 1)

    def run(self, features: Any, go: Any) -> Any:
        """``(N, C, H, W)`` to the same shape, the input added."""
        halves = go.local(self._halves, features, through=())
        x = go.local(self._whole_half, halves, through=())
        variance = go.statistics(Variance(unbiased=True), x)
        cells = go.statistics(AdaptiveMaxPool(_CELL), x)
        weights = go.local(self._weights, cells, variance, through=())
        return go.local(
            self._joined, features, halves, weights, through=(self.spread,), placed=True
        )

    def _halves(self, features: Tensor) -> Tensor:
        return self.split(normalised(features))

    def _whole_half(self, halves: Tensor) -> Tensor:
        return halves.chunk(2, 1)[1]

    def _weights(self, cells: Tensor, variance: Tensor) -> Tensor:
        """What each cell of the picture is weighted with, ``(N, C, H // 8, W // 8)``."""
        return F.gelu(self.weigh(self.pooled(cells) * self.alpha + variance * self.belt))

    def _joined(self, features: Tensor, halves: Tensor, weights: Tensor, place: Place) -> Tensor:
        y, x = halves.chunk(2, 1)
        local = self.gather(F.gelu(self.mix(self.spread(y))))
        return features + self.join(x * _enlarged(weights, place) + local)


class FeedForward(nn.Module):
    """PCFN: a feed-forward network that convolves some of its channels only.

    Args:
        channels: Of the features.
        hidden: Channels between.
        partial: How many of these are convolved.
    """

    def __init__(self, channels: int, hidden: int, partial: int) -> None:
        super().__init__()
        self.partial = partial
        self.widen = nn.Conv2d(channels, hidden, 1)
        self.conv = nn.Conv2d(partial, partial, 3, padding=1)
        self.narrow = nn.Conv2d(hidden, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape, the input added."""
        x = F.gelu(self.widen(normalised(features)))
        own, kept = x.split((self.partial, x.shape[1] - self.partial), 1)
        return features + self.narrow(torch.cat((F.gelu(self.conv(own)), kept), 1))

    def reach(self) -> Reach:
        """That of the 3x3 convolution."""
        return Reach.of(self.conv)


class Block(Part):
    """Aggregation and feed-forward network, each with its input added."""

    def __init__(self, channels: int, hidden: int, partial: int) -> None:
        super().__init__()
        self.smfa = Aggregation(channels)
        self.pcfn = FeedForward(channels, hidden, partial)

    def run(self, x: Any, go: Any) -> Any:
        """``(N, C, H, W)`` to the same shape."""
        return go.local(self.pcfn, go.local(self.smfa, x))


def normalised(x: Tensor) -> Tensor:
    """Every pixel's channels over their length."""
    return F.normalize(x, dim=1)


def _enlarged(cells: Tensor, place: Place) -> Tensor:
    """A small map of the whole picture, enlarged by repetition, at a place of the picture.

    A pixel h of H belongs to the cell ``floor(h * n / H)`` of n, as `F.interpolate` has it.
    """
    rows, cols = (
        _sources(begin, count, whole, n, cells)
        for begin, count, whole, n in (
            (place.region.top, place.region.height, place.height, cells.shape[2]),
            (place.region.left, place.region.width, place.width, cells.shape[3]),
        )
    )
    return cells[:, :, rows][:, :, :, cols]


def _sources(begin: int, count: int, whole: int, cells: int, like: Tensor) -> Tensor:
    pixels = torch.arange(begin, begin + count, device=like.device)
    return torch.div(pixels * cells, whole, rounding_mode="floor")


def _arguments(state: State, options: Options) -> dict[str, Any]:
    channels = state["to_feat.weight"].shape[0]
    hidden = state["feats.0.pcfn.conv_0.weight"].shape[0]
    return {
        "scale": round((state["to_img.0.weight"].shape[0] / 3) ** 0.5),
        "channels": channels,
        "num_blocks": count(state, "feats.*.smfa.linear_0.weight"),
        "growth": hidden / channels,
        "share": state["feats.0.pcfn.conv_1.weight"].shape[0] / hidden,
    }


@MODELS.register_module()
class SMFANet(Host):
    """SMFANet: blocks of modulated aggregation and partly convolving feed-forward networks.

    Args:
        scale: How many times larger the result is.
        channels: Feature channels; the paper's 36, its larger edition's 48.
        num_blocks: 8, and 16 in the larger edition.
        growth: Channels inside a feed-forward network over those outside.
        share: Share of these that is convolved.
        aggregator: Config of an aggregator, see `models.aggregators`. It is no part of the paper's
            network: its larger result is fused with the picture, so its scale is the network's.
        aggregate_after: Number of blocks before the aggregator; half of them when ``None``.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "SMFANet's authors",
            ("to_feat.weight", "feats.0.smfa.linear_0.weight", "to_img.0.weight"),
            _arguments,
            lambda state, options: {
                "to_feat": "stem",
                "feats.*.smfa.linear_0": "blocks.*.smfa.split",
                "feats.*.smfa.linear_1": "blocks.*.smfa.weigh",
                "feats.*.smfa.linear_2": "blocks.*.smfa.join",
                "feats.*.smfa.dw_conv": "blocks.*.smfa.pooled",
                "feats.*.smfa.lde.conv_0.0": "blocks.*.smfa.spread",
                "feats.*.smfa.lde.conv_0.1": "blocks.*.smfa.mix",
                "feats.*.smfa.lde.conv_1": "blocks.*.smfa.gather",
                "feats.*.smfa": "blocks.*.smfa",
                "feats.*.pcfn.conv_0": "blocks.*.pcfn.widen",
                "feats.*.pcfn.conv_1": "blocks.*.pcfn.conv",
                "feats.*.pcfn.conv_2": "blocks.*.pcfn.narrow",
                "to_img.0": "output.conv",
            },
        ),
    )

    def __init__(
        self,
        scale: int,
        channels: int = 36,
        num_blocks: int = 8,
        growth: float = 2.0,
        share: float = 0.25,
        aggregator: dict | None = None,
        aggregate_after: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        hidden = round(growth * channels)
        self.spec = NetworkSpec(scale, min_size=_CELL)
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            Block(channels, hidden, round(share * hidden)) for _ in range(num_blocks)
        )
        self.output = UpsampleStage(channels, 3, scale)
        stage = Stage(scale, 3, is_image=True)
        self.host(aggregator, aggregate_after, num_blocks, channels, [stage])

    def run(self, lq: Any, go: Any) -> Any:
        """Stem, blocks inside a long skip with the aggregator between them, pixel shuffle."""
        head, hr = go.local(self.stem, lq), None
        x = head
        for number, block in enumerate(self.blocks, 1):
            x = go.local(block, x)
            x, hr = self.aggregated(number, x, hr, lq, go)
        x = go.local(torch.add, x, head, through=())
        x, _ = self.fused(self.spec.scale, go.local(self.output, x), hr, go)
        return x
