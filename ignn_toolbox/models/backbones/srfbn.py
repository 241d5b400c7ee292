"""SRFBN.

Paper: Li, Yang, Liu, Yang, Jeon, Wu, "Feedback Network for Image Super-Resolution", CVPR 2019.
Status: equal to the authors' code on its golden cases; 2,140,534, 2,832,758 and 3,631,478
parameters at x2, x3 and x4, SRFBN-S 282,442, 375,626 and 483,146.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...registry import MODELS
from ..foreign import Foreign, Options, State, count
from ..layers import Enlarge, MeanShift
from ..spec import Chop, NetworkSpec, Outputs
from ..steps import Network, Part
from .base import DIV2K_MEAN
from .projection import activated, check_scale, enlarging, initialise, reducing, scale_of

_MOST_STEPS = 64  # they share their weights: no file's size bounds them
_SLOPE = 0.2


def _joining(maps: int, channels: int) -> nn.Sequential:
    return activated(nn.Conv2d(maps * channels, channels, 1), _SLOPE)


class Joined(nn.Module):
    """A layer on the concatenation of several maps."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *maps: Tensor) -> Tensor:
        return self.layer(torch.cat(maps, 1))


class FeedbackBlock(Part):
    """Up- and down-projections, each of all that were made before at its size.

    Args:
        channels: Of all maps, the paper's m.
        num_groups: Pairs of projections, G.
        scale: Between the two sizes.
    """

    def __init__(self, channels: int, num_groups: int, scale: int) -> None:
        super().__init__()
        self.compress_in = _joining(2, channels)
        self.ups = nn.ModuleList(enlarging(channels, scale, _SLOPE) for _ in range(num_groups))
        self.downs = nn.ModuleList(reducing(channels, scale, _SLOPE) for _ in range(num_groups))
        self.before_ups = nn.ModuleList(_joining(i + 1, channels) for i in range(1, num_groups))
        self.before_downs = nn.ModuleList(_joining(i + 1, channels) for i in range(1, num_groups))
        self.compress_out = _joining(num_groups, channels)

    def run(self, features: Any, hidden: Any, go: Any) -> Any:
        """The next hidden state, ``(N, m, H, W)``."""

        def joined(layer: nn.Module, *maps: Any) -> Any:
            return go.local(Joined(layer), *maps, through=(layer,))

        small, large = [joined(self.compress_in, features, hidden)], []
        for number, (up, down) in enumerate(zip(self.ups, self.downs, strict=True)):
            x = joined(self.before_ups[number - 1], *small) if number else small[0]
            large.append(go.local(up, x))
            x = joined(self.before_downs[number - 1], *large) if number else large[0]
            small.append(go.local(down, x))
        return joined(self.compress_out, *small[1:])


def _arguments(state: State, options: Options) -> dict[str, Any]:
    """Arguments; how often the block runs is not stored, and 4 times in the published networks."""
    return {
        "scale": scale_of(state["out.0.weight"].shape[2]),
        "channels": state["feat_in.0.weight"].shape[0],
        "num_groups": count(state, "block.upBlocks.*.0.weight"),
        "num_steps": options.steps or 4,
    }


@MODELS.register_module()
class SRFBN(Network):
    """SRFBN: one block again and again, whose result goes into the next round.

    In training it returns the picture of every round; their losses have equal weights in the paper.

    Args:
        scale: 2, 3, 4 or 8.
        channels: Feature channels, the paper's m: 64, and 32 in SRFBN-S.
        num_groups: Pairs of projections of the block, G: 6, and 3 in SRFBN-S.
        num_steps: How often the block runs, T.
        rgb_mean: Mean colour in [0, 1], subtracted from the input and added to the output.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "SRFBN's authors",
            ("conv_in.0.weight", "feat_in.0.weight", "block.upBlocks.0.0.weight", "out.0.weight"),
            _arguments,
            lambda state, options: {
                "conv_in": "stem",
                "feat_in": "reduce",
                "block.upBlocks": "block.ups",
                "block.downBlocks": "block.downs",
                "block.uptranBlocks": "block.before_ups",
                "block.downtranBlocks": "block.before_downs",
                "out": "enlarge",
                "conv_out.0": "output",
            },
            white=255,
            enters=("stem.0.weight",),
            options=("steps",),
        ),
    )

    def __init__(
        self,
        scale: int,
        channels: int = 64,
        num_groups: int = 6,
        num_steps: int = 4,
        rgb_mean: Sequence[float] = DIV2K_MEAN,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_scale("SRFBN", scale, (2, 3, 4, 8))
        if not 1 <= num_steps <= _MOST_STEPS or num_groups < 2:
            raise ValueError(
                f"num_steps={num_steps} must lie in 1..{_MOST_STEPS}, and num_groups={num_groups} "
                "be 2 at least"
            )
        self.num_steps = num_steps
        self.spec = NetworkSpec(scale, outputs=(scale,) * num_steps, chop=Chop(10, 100_000))
        self.stem = activated(nn.Conv2d(3, 4 * channels, 3, padding=1), _SLOPE)
        self.reduce = activated(nn.Conv2d(4 * channels, channels, 1), _SLOPE)
        self.block = FeedbackBlock(channels, num_groups, scale)
        self.enlarge = enlarging(channels, scale, _SLOPE)
        self.output = nn.Conv2d(channels, 3, 3, padding=1)
        initialise(self)
        self.sub_mean = MeanShift([-m for m in rgb_mean])
        self.add_mean = MeanShift(rgb_mean)
        self.image = Enlarge(scale)

    def run(self, lq: Any, go: Any) -> Any:
        """The block, again and again; in training a picture of every round."""
        lq = go.local(self.sub_mean, lq)
        image = go.local(self.image, lq)
        features = hidden = go.local(self.reduce, go.local(self.stem, lq))
        pictures = []
        for step in range(1, self.num_steps + 1):
            hidden = self.block.run(features, hidden, go=go)
            if self.training or step == self.num_steps:
                x = go.local(self.enlarge, hidden)
                pictures.append(go.local(self._add, image, x, through=(self.output, self.add_mean)))
        return Outputs(pictures[-1], tuple(pictures[:-1])) if self.training else pictures[-1]

    def _add(self, image: Tensor, x: Tensor) -> Tensor:
        return self.add_mean(image + self.output(x))
