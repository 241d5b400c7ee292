"""DBPN.

Paper: Haris, Shakhnarovich, Ukita, "Deep Back-Projection Networks for Super-Resolution", CVPR 2018.
Status: D-DBPN, equal to the authors' code on its golden cases; 5,953,526, 10,426,358 and 23,205,878
parameters at x2, x4 and x8. The network of this name in EDSR-PyTorch is a smaller one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...registry import MODELS
from ..foreign import Foreign, Options, State, count
from ..spec import Chop, NetworkSpec
from ..steps import Network, Part
from .projection import activated, check_scale, enlarging, initialise, reducing, scale_of

_SLOPE = 0.25


class Projection(Part):
    """To the other size, back, and what is missing there once more.

    Args:
        channels: Of the result.
        scale: Between the two sizes.
        up: Whether the result is the larger one.
        num_maps: Maps that are joined first; 1 joins nothing.
    """

    def __init__(self, channels: int, scale: int, up: bool, num_maps: int = 1) -> None:
        super().__init__()
        there, back = (enlarging, reducing) if up else (reducing, enlarging)
        self.reduce = (
            activated(nn.Conv2d(num_maps * channels, channels, 1), _SLOPE) if num_maps > 1 else None
        )
        self.first = there(channels, scale, _SLOPE)
        self.back = back(channels, scale, _SLOPE)
        self.second = there(channels, scale, _SLOPE)

    def run(self, *maps: Any, go: Any) -> Any:
        """Maps ``(N, C, h, w)``, the newest first, to one of the other size."""
        x = maps[0]
        if self.reduce is not None:
            x = go.local(self._joined, *maps, through=(self.reduce,))
        made = go.local(self.first, x)
        error = go.local(torch.sub, go.local(self.back, made), x, through=())
        return go.local(torch.add, go.local(self.second, error), made, through=())

    def _joined(self, *maps: Tensor) -> Tensor:
        assert self.reduce is not None
        return self.reduce(torch.cat(maps, 1))


def _arguments(state: State, options: Options) -> dict[str, Any]:
    reduce = state["feat1.conv.weight"]
    return {
        "scale": scale_of(state["up1.up_conv1.deconv.weight"].shape[2]),
        "channels": reduce.shape[0],
        "stem_channels": reduce.shape[1],
        "num_stages": count(state, "up*.up_conv1.deconv.weight"),
    }


def _names(state: State, options: Options) -> dict[str, str | None]:
    names: dict[str, str | None] = {"output_conv.conv": "output"}
    parts = {"feat0": "stem", "feat1": "reduce"}
    for number in range(count(state, "up*.up_conv1.deconv.weight")):
        for theirs, ours in (("up", "ups"), ("down", "downs")):
            unit = f"{theirs}{number + 1}"
            parts[unit] = f"{ours}.{number}.reduce"
            for part, place in enumerate(("first", "back", "second"), 1):
                parts[f"{unit}.{theirs}_conv{part}"] = f"{ours}.{number}.{place}"
    for theirs, ours in parts.items():
        names |= {
            f"{theirs}.conv": f"{ours}.0",
            f"{theirs}.deconv": f"{ours}.0",
            f"{theirs}.act": f"{ours}.1",
            # the dense units' layer that joins their inputs
            f"{theirs}.conv.conv": f"{ours}.0",
            f"{theirs}.conv.act": f"{ours}.1",
        }
    return names


@MODELS.register_module()
class DBPN(Network):
    """DBPN: up- and down-projections in turns, each of all results of the other size.

    Args:
        scale: 2, 4 or 8.
        channels: Channels of the projections.
        stem_channels: Channels of the first convolution.
        num_stages: Up-projections, the paper's T.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "DBPN's authors",
            ("feat0.conv.weight", "feat1.conv.weight", "up1.up_conv1.deconv.weight"),
            _arguments,
            _names,
        ),
    )

    def __init__(
        self,
        scale: int,
        channels: int = 64,
        stem_channels: int = 256,
        num_stages: int = 7,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_scale("DBPN", scale, (2, 4, 8))
        self.spec = NetworkSpec(scale, chop=Chop(8, 80_000))
        self.stem = activated(nn.Conv2d(3, stem_channels, 3, padding=1), _SLOPE)
        self.reduce = activated(nn.Conv2d(stem_channels, channels, 1), _SLOPE)
        # the first two of the ups and the first of the downs see one map
        self.ups = nn.ModuleList(
            Projection(channels, scale, True, max(1, n)) for n in range(num_stages)
        )
        self.downs = nn.ModuleList(
            Projection(channels, scale, False, n + 1) for n in range(num_stages - 1)
        )
        self.output = nn.Conv2d(num_stages * channels, 3, 3, padding=1)
        initialise(self)

    def run(self, lq: Any, go: Any) -> Any:
        """Projections in turns; the newest result comes first wherever several are joined."""
        x = go.local(self.reduce, go.local(self.stem, lq))
        up: Any = self.ups[0]
        down: Any
        large = [up.run(x, go=go)]
        small: list[Any] = []
        for down, up in zip(self.downs, self.ups[1:], strict=True):
            small.insert(0, down.run(*large, go=go))
            large.insert(0, up.run(*small, go=go))
        return go.local(self._output, *large, through=(self.output,))

    def _output(self, *maps: Tensor) -> Tensor:
        return self.output(torch.cat(maps, 1))
