"""CSNLN: a recurrent cell of cross-scale and in-scale attention.

Paper: Mei et al., "Image Super-Resolution with Cross-Scale Non-Local Attention and Exhaustive
Self-Exemplars Mining", CVPR 2020. Status: equal to the released code on its golden cases, gradients
too; 3,061,289, 6,010,409 and 6,568,627 parameters at x2, x3 and x4.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..aggregators.cross_scale import CrossScaleAttention, InScaleAttention
from ..foreign import Foreign, Options, State
from ..layers import MeanShift
from ..spec import Chop, NetworkSpec
from ..steps import Network, Part
from .base import DIV2K_MEAN

Fusion = Literal["projection", "sum", "concatenation"]

_FUSION = "SEM.multi_source_projection"  # in the authors' names


class MutualFusion(Part):
    """The features enlarged by both attentions, and the two joined.

    ``'projection'`` is the paper's: what the enlarged in-scale result lacks against the cross-scale
    one is embedded, inside a skip, and added to it. The paper's ablations add the two, or join
    their concatenation by a convolution, or have one of them only.

    Args:
        channels: Channels C.
        scale: How many times larger the result is, 2 or 3.
        reduction: How many times fewer channels are compared.
        cross_scale: Whether there is cross-scale attention.
        in_scale: Whether there is in-scale attention; else the features are enlarged as they are.
        fusion: How the two are joined.
    """

    def __init__(
        self,
        channels: int,
        scale: int,
        reduction: int,
        cross_scale: bool,
        in_scale: bool,
        fusion: Fusion,
    ) -> None:
        super().__init__()
        self.cross_scale = CrossScaleAttention(channels, scale, reduction) if cross_scale else None
        self.in_scale = InScaleAttention(channels, reduction) if in_scale else None
        self.enlarge = _enlarging(channels, scale)
        self.fusion = fusion
        self.encode: nn.Module | None = None
        if cross_scale and fusion == "projection":
            self.encode = nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1),
                nn.PReLU(),
                nn.Conv2d(channels, channels, 3, padding=1),
            )
        elif cross_scale and fusion == "concatenation":
            self.encode = nn.Conv2d(2 * channels, channels, 3, padding=1)

    def run(self, x: Any, go: Any) -> Any:
        """``(N, C, H, W)`` to ``(N, C, scale * H, scale * W)``."""
        own = x if self.in_scale is None else go.attend(self.in_scale, x)
        own = go.local(self.enlarge, own)
        if self.cross_scale is None:
            return own
        other = go.attend(self.cross_scale, x)
        if self.encode is None:
            return go.local(torch.add, own, other, through=())
        join = self._projected if self.fusion == "projection" else self._concatenated
        return go.local(join, own, other, through=(self.encode,))

    def _projected(self, own: Tensor, other: Tensor) -> Tensor:
        assert self.encode is not None
        lacking = other - own
        projected = self.encode(lacking)
        projected += lacking
        return projected.add_(own)

    def _concatenated(self, own: Tensor, other: Tensor) -> Tensor:
        assert self.encode is not None
        return self.encode(torch.cat((own, other), 1))


class Level(Part):
    """A fusion, and its result corrected by what of the cell's input it does not reproduce.

    Args:
        fuse: Enlarges the features.
        channels: Channels C.
        scale: Size of the result over that of the cell's input.
    """

    def __init__(self, fuse: MutualFusion, channels: int, scale: int) -> None:
        super().__init__()
        self.fuse = fuse
        self.reduce = _reducing(channels, scale)
        self.enlarge = _enlarging(channels, scale)

    def run(self, x: Any, origin: Any, go: Any) -> Any:
        """Enlarge ``x`` towards the scale at which ``origin``, the cell's input, is 1."""
        enlarged = go.local(self.fuse, x)
        lacking = go.local(self._lacking, origin, go.local(self.reduce, enlarged), through=())
        return go.local(torch.add, enlarged, go.local(self.enlarge, lacking), through=())

    def _lacking(self, origin: Tensor, reproduced: Tensor) -> Tensor:
        return origin - reproduced


def _authors_arguments(state: State, options: Options) -> dict[str, Any]:
    channels = state["head.0.0.weight"].shape[0]
    attended = state[f"{_FUSION}.up_attention.conv_assembly.0.weight"].shape[0]
    if attended != channels:
        raise ValueError(
            f"its attentions have {attended} channels and its features {channels}: a CSNLN whose "
            "cells run has the same number in both"
        )
    kernel = state["SEM.down_sample_1.0.weight"].shape[-1]
    return {
        "scale": 4 if "SEM.down_sample_3.0.weight" in state else kernel // 3,
        "channels": channels,
        "depth": state["tail.0.weight"].shape[1] // channels,
        "reduction": channels // state[f"{_FUSION}.down_attention.conv_match1.0.weight"].shape[0],
    }


def _authors_names(state: State, options: Options) -> dict[str, str | None]:
    own = _authors_arguments(state, options)
    last = "SEM.down_sample_4" if own["scale"] == 4 else "SEM.down_sample_2"
    recurs = own["depth"] > 1
    names: dict[str, str | None] = {
        "head.0.*": "stem.*",
        "head.1.0": "stem.2",
        "head.1.1": "stem.3",
        "tail.0": "tail",
        f"{last}.*": "recur.*" if recurs else None,
        "SEM.post_conv.0": "recur.2" if recurs else None,
        "SEM.post_conv.1": "recur.3" if recurs else None,
    }
    parts = ("SEM.down_sample_1", "SEM.error_encode"), ("SEM.down_sample_3", "SEM.error_encode_2")
    for number, (fusion, (reduce, enlarge)) in enumerate(
        zip((_FUSION, f"{_FUSION}_2"), parts, strict=True)
    ):
        level = f"levels.{number}"
        names |= {
            f"{fusion}.up_attention.escape_NaN": None,
            f"{fusion}.up_attention.conv_match_1": f"{level}.fuse.cross_scale.match_queries",
            f"{fusion}.up_attention.conv_match_2": f"{level}.fuse.cross_scale.match_keys",
            f"{fusion}.up_attention.conv_assembly": f"{level}.fuse.cross_scale.assemble",
            f"{fusion}.down_attention.conv_match1": f"{level}.fuse.in_scale.match_queries",
            f"{fusion}.down_attention.conv_match2": f"{level}.fuse.in_scale.match_keys",
            f"{fusion}.down_attention.conv_assembly": f"{level}.fuse.in_scale.assemble",
            f"{fusion}.upsample": f"{level}.fuse.enlarge",
            f"{fusion}.encoder.body": f"{level}.fuse.encode",
            reduce: f"{level}.reduce",
            enlarge: f"{level}.enlarge",
        }
    return names


@MODELS.register_module()
class CSNLN(Network):
    """Cross-scale non-local network: one cell again and again, all its HR results joined.

    The cell (the paper's self-exemplars mining cell) is a `Level`, at x4 two, and what makes the
    next cell's LR features of its HR result.

    The released code has 128 channels in its attentions whatever the features' number is; here both
    are ``channels``.

    Args:
        scale: 2, 3 or 4.
        channels: Feature channels C.
        depth: How often the cell runs; its weights are the same each time.
        reduction: How many times fewer channels are compared.
        cross_scale: Whether the cell has cross-scale attention.
        in_scale: Whether the cell has in-scale attention.
        fusion: How the cell joins the two: ``'projection'``, ``'sum'`` or ``'concatenation'``.
        rgb_mean: Mean colour in [0, 1], subtracted from the input and added to the output.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "CSNLN's authors",
            (
                "head.0.0.weight",
                f"{_FUSION}.up_attention.conv_match_1.0.weight",
                f"{_FUSION}.down_attention.conv_match1.0.weight",
                "SEM.down_sample_1.0.weight",
                "tail.0.weight",
            ),
            _authors_arguments,
            _authors_names,
        ),
    )

    def __init__(
        self,
        scale: int,
        channels: int = 128,
        depth: int = 12,
        reduction: int = 2,
        cross_scale: bool = True,
        in_scale: bool = True,
        fusion: Fusion = "projection",
        rgb_mean: Sequence[float] = DIV2K_MEAN,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if scale not in (2, 3, 4):
            raise ValueError(f"CSNLN knows the scales 2, 3 and 4, got {scale}")
        if depth < 1:
            raise ValueError(f"depth={depth} must be at least 1")
        if fusion not in get_args(Fusion):
            raise ValueError(f"fusion={fusion!r} must be one of {', '.join(get_args(Fusion))}")
        if not cross_scale and fusion != "projection":
            raise ValueError(f"fusion={fusion!r} joins two attentions, and cross_scale=False")
        least = 3 if scale == 3 else 2
        self.spec = NetworkSpec(
            scale,
            min_size=least,
            multiple_of=least,
            chop=Chop(10, 3600, None, "beyond"),
        )
        self.depth = depth
        self.sub_mean = MeanShift([-m for m in rgb_mean])
        self.add_mean = MeanShift(rgb_mean)
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1),
            nn.PReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.PReLU(),
        )
        self.levels = nn.ModuleList()
        factors, reached = [2, 2] if scale == 4 else [scale], 1
        for factor in factors:
            reached *= factor
            fuse = MutualFusion(channels, factor, reduction, cross_scale, in_scale, fusion)
            self.levels.append(Level(fuse, channels, reached))
        self.recur: nn.Sequential | None = None
        if depth > 1:
            self.recur = nn.Sequential(
                *_reducing(channels, scale), nn.Conv2d(channels, channels, 3, padding=1), nn.PReLU()
            )
        self.tail = nn.Conv2d(depth * channels, 3, 3, padding=1)

    def run(self, lq: Any, go: Any) -> Any:
        """Stem; the cell, from its own HR result on, each of these added to the picture."""
        x = go.local(self._stem, lq, through=(self.sub_mean, self.stem))
        picture: tuple[Any, ...] = ()
        for number in range(self.depth):
            hr = x
            for level in self.levels:
                hr = go.local(level, hr, x)
            tail = functools.partial(self._tail, number)
            picture = (go.local(tail, hr, *picture, through=(self.tail,)),)
            if number + 1 < self.depth:
                x = go.local(self.recur, hr)
        return go.local(self.add_mean, *picture)

    def _stem(self, lq: Tensor) -> Tensor:
        return self.stem(self.sub_mean(lq))

    def _tail(self, number: int, hr: Tensor, *picture: Tensor) -> Tensor:
        """The tail's share of one HR result, so that they never lie side by side."""
        channels = hr.shape[1]
        weight = self.tail.weight.narrow(1, number * channels, channels)
        own = F.conv2d(hr, weight, None if picture else self.tail.bias, padding=1)
        return own + picture[0] if picture else own


def _kernel(scale: int) -> tuple[int, int, int]:
    """Kernel, stride and padding between sizes that are ``scale`` times apart."""
    size = {2: 6, 3: 9, 4: 8}[scale]
    return size, scale, (size - scale) // 2


def _reducing(channels: int, scale: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, channels, *_kernel(scale)), nn.PReLU())


def _enlarging(channels: int, scale: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(channels, channels, *_kernel(scale)), nn.PReLU())
