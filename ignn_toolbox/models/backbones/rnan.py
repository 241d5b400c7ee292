"""RNAN.

Paper: Zhang, Li, Li, Zhong, Fu, "Residual Non-local Attention Networks for Image Restoration", ICLR
2019. Status: equal to the authors' code on its golden cases; 9,107,291, 9,291,931 and 9,255,003
parameters at x2, x3 and x4, 8,959,555 for tasks of RGB at x1, 8,957,249 for those of one plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...registry import MODELS
from ..aggregators.base import HostedBlock
from ..aggregators.query_softmax import QuerySoftmax
from ..foreign import TAIL_STAGES, Foreign, Options, State, count, upscaling
from ..layers import MeanShift, ResBlock, UpsampleStage
from ..spec import Chop, Colour, NetworkSpec, Purpose
from ..steps import Network, Part
from .base import DIV2K_MEAN


def _pair(channels: int) -> nn.Sequential:
    return nn.Sequential(ResBlock(channels), ResBlock(channels))


@MODELS.register_module()
class MaskedBlock(HostedBlock):
    """RAB, and with attention NL-RAB: a trunk that a mask weighs; its input is not added.

    Any backbone can host it, as an aggregator.

    Height and width of the map must be even: the mask is made at half the size in between.

    Args:
        channels: Of the features.
        attention: Whether the mask sees the whole picture.
        init_cfg: mmengine's initialisation config.
    """

    min_size = 2
    multiple_of = 2

    def __init__(self, channels: int, attention: bool = True, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.first = ResBlock(channels)
        self.trunk = _pair(channels)
        self.attention = QuerySoftmax(channels) if attention else None
        self.mask_first = ResBlock(channels)
        self.down = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.inner = _pair(channels)
        self.up = nn.ConvTranspose2d(channels, channels, 6, stride=2, padding=2)
        self.mask_last = ResBlock(channels)
        self.mask = nn.Conv2d(channels, channels, 1)
        self.tail = _pair(channels)

    def run(self, x: Any, *guides: Any, go: Any) -> Any:
        """``(N, C, H, W)`` to the same shape."""
        r = go.local(self.first, x)
        trunk = go.local(self.trunk, r)
        seen = r if self.attention is None else go.attend(self.attention, r)
        fine = go.local(self.mask_first, seen)
        coarse = go.local(self.up, go.local(self.inner, go.local(self.down, fine)))
        mask = go.local(self._mask, fine, coarse, through=(self.mask_last,))
        return go.local(self.tail, go.local(_weighed, trunk, mask, r, through=()))

    def _mask(self, fine: Tensor, coarse: Tensor) -> Tensor:
        return self.mask(self.mask_last(fine + coarse)).sigmoid()


def _weighed(trunk: Tensor, mask: Tensor, r: Tensor) -> Tensor:
    return torch.addcmul(r, trunk, mask)


class Group(Part):
    """A masked block and a convolution."""

    def __init__(self, channels: int, attention: bool) -> None:
        super().__init__()
        self.block = MaskedBlock(channels, attention)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def run(self, x: Any, go: Any) -> Any:
        """``(N, C, H, W)`` to the same shape."""
        return go.local(self.conv, go.local(self.block, x))


_SIGNATURE = (
    "head.0.weight",
    "body_nl_low.0.body.0.RA_RB1.0.body.0.weight",
    "body.0.body.0.RA_RB1.0.body.0.weight",
    "body_nl_high.0.body.1.weight",
)


def _arguments(state: State, options: Options) -> dict[str, Any]:
    channels, planes = state["head.0.weight"].shape[:2]
    scale = upscaling(state, channels) if "tail.0.0.weight" in state else 1
    return {
        "scale": scale,
        "channels": channels,
        "num_groups": 2 + count(state, "body.*.body.1.weight"),
        "planes": planes,
    }


def _names(state: State, options: Options) -> dict[str, str | None]:
    middle = count(state, "body.*.body.1.weight")
    groups = {"body_nl_low.0": 0, "body_nl_high.0": middle + 1}
    groups |= {f"body.{i}": i + 1 for i in range(middle)}
    names: dict[str, str | None] = {"head.0": "stem", f"body.{middle}": "body_end"}
    if "tail.0.0.weight" in state:
        names |= {stage: f"upsampler.{number}.conv" for number, stage in enumerate(TAIL_STAGES)}
        names["tail.1"] = "output"
    else:
        names["tail.0"] = "output"
    for theirs, number in groups.items():
        block, mask = f"groups.{number}.block", f"{theirs}.body.0.RA_MB.0"
        names[f"{theirs}.body.1"] = f"groups.{number}.conv"
        residual = {
            f"{theirs}.body.0.RA_RB1.0": "first",
            f"{theirs}.body.0.RA_TB.0.body.0": "trunk.0",
            f"{theirs}.body.0.RA_TB.0.body.1": "trunk.1",
            f"{mask}.MB_RB2.0": "inner.0",
            f"{mask}.MB_RB2.1": "inner.1",
            f"{mask}.MB_RB3.0": "mask_last",
            f"{theirs}.body.0.RA_tail.0": "tail.0",
            f"{theirs}.body.0.RA_tail.1": "tail.1",
        }
        if f"{mask}.MB_RB1.0.g.weight" in state:
            residual[f"{mask}.MB_RB1.1"] = "mask_first"
            for own in ("g", "theta", "phi"):
                names[f"{mask}.MB_RB1.0.{own}"] = f"{block}.attention.{own}"
            names[f"{mask}.MB_RB1.0.W"] = f"{block}.attention.out"
        else:
            residual[f"{mask}.MB_RB1.0"] = "mask_first"
        for layer, ours in residual.items():
            names[f"{layer}.body.0"] = f"{block}.{ours}.conv1"
            names[f"{layer}.body.2"] = f"{block}.{ours}.conv2"
        names |= {
            f"{mask}.MB_Down.0": f"{block}.down",
            f"{mask}.MB_Up.0": f"{block}.up",
            f"{mask}.MB_1x1conv.0": f"{block}.mask",
        }
    return names


@MODELS.register_module()
class RNAN(Network):
    """RNAN: groups of masked blocks, the first and the last of which see the whole picture.

    Enlarging networks have a mean colour and a skip of features, those at x1 a skip of the picture.

    Args:
        scale: 2, 3 or 4, or 1 for denoising, demosaicing and artefacts.
        channels: Feature channels.
        num_groups: Groups, the two with attention included.
        planes: Channels of the picture: 3, or 1 at x1.
        colour: What these are; ``'rgb'`` for 3 and ``'grey'`` for 1 when ``None``.
        purpose: Of a network at x1, see `models.NetworkSpec`.
        rgb_mean: Mean colour in [0, 1], subtracted and added where the network enlarges.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        # The attention's products are large, so that rounding first weights would show: here the
        # mean shifts change the range.
        Foreign(
            "RNAN's authors",
            (*_SIGNATURE, "sub_mean.weight", "tail.0.0.weight"),
            _arguments,
            _names,
            white=255,
            enters=("sub_mean.weight",),
            leaves=("add_mean.weight", "add_mean.bias"),
        ),
        Foreign(
            "RNAN's authors, at x1",
            (*_SIGNATURE, "tail.0.weight"),
            _arguments,
            _names,
            white=255,
        ),
    )

    def __init__(
        self,
        scale: int,
        channels: int = 64,
        num_groups: int = 10,
        planes: int = 3,
        colour: Colour | None = None,
        purpose: Purpose = "denoising",
        rgb_mean: Sequence[float] = DIV2K_MEAN,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if scale not in (1, 2, 3, 4):
            raise ValueError(f"RNAN knows the scales 1, 2, 3 and 4, got {scale}")
        if scale > 1 and planes != 3:
            raise ValueError(f"an enlarging RNAN takes RGB, got planes={planes}")
        if num_groups < 3:
            raise ValueError(f"num_groups={num_groups} must be 3 at least: two have attention")
        self.spec = NetworkSpec(
            scale,
            (planes, planes),
            colour or ("rgb" if planes == 3 else "grey"),
            min_size=2,
            multiple_of=2,
            purpose=purpose if scale == 1 else None,
            chop=Chop(12, 30_000 if scale > 1 else 10_000, half_of=4),
        )
        self.stem = nn.Conv2d(planes, channels, 3, padding=1)
        last = num_groups - 1
        self.groups = nn.ModuleList(Group(channels, n in (0, last)) for n in range(num_groups))
        self.body_end = nn.Conv2d(channels, channels, 3, padding=1)
        factors = [2, 2] if scale == 4 else [scale]
        self.upsampler = nn.ModuleList(
            UpsampleStage(channels, channels, factor) for factor in factors if scale > 1
        )
        self.output = nn.Conv2d(channels, planes, 3, padding=1)
        self.sub_mean = MeanShift([-m for m in rgb_mean]) if scale > 1 else None
        self.add_mean = MeanShift(rgb_mean) if scale > 1 else None

    def run(self, lq: Any, go: Any) -> Any:
        """Stem, groups, upsampler, output."""
        head = x = go.local(self.stem, lq if self.sub_mean is None else go.local(self.sub_mean, lq))
        for number, group in enumerate(self.groups, 1):
            x = go.local(group, x)
            if number == len(self.groups) - 1:
                x = go.local(self.body_end, x)
        if self.add_mean is None:
            return go.local(self._with_picture, lq, x, through=(self.output,))
        x = go.local(torch.add, x, head, through=())
        for stage in self.upsampler:
            x = go.local(stage, x)
        return go.local(self.add_mean, go.local(self.output, x))

    def _with_picture(self, lq: Tensor, x: Tensor) -> Tensor:
        return lq + self.output(x)
