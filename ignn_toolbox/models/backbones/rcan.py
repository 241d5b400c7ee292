"""RCAN.

Paper: Zhang et al., "Image Super-Resolution Using Very Deep Residual Channel Attention Networks",
ECCV 2018. Status: equal to the authors' code on its golden case; 15,444,667 parameters at x2, fixed
ones included.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..foreign import HEAD_AND_TAIL, Foreign, Options, State, count, upscaling
from ..layers import zero_conv
from ..statistics import Mean
from ..steps import Part
from .base import Backbone


class AttentionBlock(Part):
    """RCAB: conv, ReLU, conv, channel attention, plus input.

    The attention multiplies each channel with a sigmoid of the channels' means over the image, so
    a block sees the whole image.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.squeeze = nn.Conv2d(channels, channels // reduction, 1)
        self.excite = nn.Conv2d(channels // reduction, channels, 1)

    def run(self, x: Any, go: Any) -> Any:
        """``(N, C, H, W)`` to the same shape."""
        residual = go.local(self.residual, x, through=(self.conv1, self.conv2))
        means = go.statistics(Mean(), residual)
        return go.local(self.weighted, x, residual, means, through=())

    def residual(self, x: Tensor) -> Tensor:
        """What is weighted and added, ``(N, C, H, W)``."""
        return self.conv2(F.relu(self.conv1(x), inplace=True))

    def weighted(self, x: Tensor, residual: Tensor, means: Tensor) -> Tensor:
        """Input plus residual, weighted by its channels' means over the image, (N, C, 1, 1)."""
        return x + residual * self.excite(F.relu(self.squeeze(means), inplace=True)).sigmoid()


class ResidualGroup(Part):
    """Attention blocks and a convolution inside a skip."""

    def __init__(self, channels: int, num_blocks: int, reduction: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(AttentionBlock(channels, reduction) for _ in range(num_blocks))
        )
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def run(self, x: Any, go: Any) -> Any:
        """``(N, C, H, W)`` to the same shape."""
        own = x
        for block in self.blocks:
            own = go.local(block, own)
        return go.local(self._skip, x, own, through=(self.conv,))

    def _skip(self, x: Tensor, own: Tensor) -> Tensor:
        return x + self.conv(own)

    def become_identity(self) -> None:
        """Set the last convolution to zero."""
        zero_conv(self.conv)


def _authors_arguments(state: State, options: Options) -> dict[str, Any]:
    """Arguments; the code's res_scale is without effect."""
    channels = state["head.0.weight"].shape[0]
    return {
        "scale": upscaling(state, channels),
        "channels": channels,
        "num_groups": count(state, "body.*.body.0.body.0.weight"),
        "num_blocks": count(state, "body.0.body.*.body.0.weight"),
        "reduction": channels // state["body.0.body.0.body.3.conv_du.0.weight"].shape[0],
    }


def _authors_names(state: State, options: Options) -> dict[str, str | None]:
    groups = count(state, "body.*.body.0.body.0.weight")
    blocks = count(state, "body.0.body.*.body.0.weight")
    return {
        **HEAD_AND_TAIL,
        "body.*.body.*.body.0": "blocks.*.blocks.*.conv1",
        "body.*.body.*.body.2": "blocks.*.blocks.*.conv2",
        "body.*.body.*.body.3.conv_du.0": "blocks.*.blocks.*.squeeze",
        "body.*.body.*.body.3.conv_du.2": "blocks.*.blocks.*.excite",
        f"body.*.body.{blocks}": "blocks.*.conv",
        f"body.{groups}": "body_end",
    }


_BASICSR_STAGES = ("upsample.0", "upsample.2")


def _basicsr_arguments(state: State, options: Options) -> dict[str, Any]:
    """Arguments; the code's res_scale is 1 in its published models."""
    if options.res_scale not in (None, 1):
        raise ValueError(f"an RCAN with res_scale={options.res_scale} cannot be imported, only 1")
    channels = state["conv_first.weight"].shape[0]
    squeeze = state["body.0.residual_group.0.rcab.3.attention.1.weight"]
    return {
        "scale": upscaling(state, channels, _BASICSR_STAGES),
        "channels": channels,
        "num_groups": count(state, "body.*.conv.weight"),
        "num_blocks": count(state, "body.0.residual_group.*.rcab.0.weight"),
        "reduction": channels // squeeze.shape[0],
    }


def _basicsr_names(state: State, options: Options) -> dict[str, str | None]:
    group = "body.*.residual_group.*.rcab"
    return {
        "conv_first": "stem",
        f"{group}.0": "blocks.*.blocks.*.conv1",
        f"{group}.2": "blocks.*.blocks.*.conv2",
        f"{group}.3.attention.1": "blocks.*.blocks.*.squeeze",
        f"{group}.3.attention.3": "blocks.*.blocks.*.excite",
        "body.*.conv": "blocks.*.conv",
        "conv_after_body": "body_end",
        "conv_last": "output",
        **{stage: f"upsampler.{number}.conv" for number, stage in enumerate(_BASICSR_STAGES)},
    }


@MODELS.register_module()
class RCAN(Backbone):
    """RCAN: residual groups of channel-attention blocks.

    A group counts as one block of the backbone: ``aggregate_after`` counts groups. The authors'
    code takes a ``res_scale`` and does not use it; there is none here.

    Args:
        scale: 2, 3 or 4.
        channels: Feature channels C.
        num_groups: Residual groups.
        num_blocks: Attention blocks of a group.
        reduction: How many times fewer channels the attention's inner layer has.
        options: ``rgb_mean``, ``compact``, ``aggregator``, ``aggregate_after``, ``init_cfg``: see
            `Backbone`.
    """

    foreign = (
        Foreign(
            "RCAN's authors",
            (
                "head.0.weight",
                "body.0.body.0.body.0.weight",
                "body.0.body.0.body.3.conv_du.0.weight",
                "tail.0.0.weight",
            ),
            _authors_arguments,
            _authors_names,
            white=255,
        ),
        Foreign(
            "BasicSR's RCAN",
            (
                "conv_first.weight",
                "body.0.residual_group.0.rcab.0.weight",
                "body.0.residual_group.0.rcab.3.attention.1.weight",
                "conv_after_body.weight",
                "upsample.0.weight",
            ),
            _basicsr_arguments,
            _basicsr_names,
            white=255,
            options=("res_scale",),
        ),
    )

    def __init__(
        self,
        scale: int,
        channels: int = 64,
        num_groups: int = 10,
        num_blocks: int = 20,
        reduction: int = 16,
        **options: Any,
    ) -> None:
        if not 1 <= reduction <= channels:
            raise ValueError(f"reduction={reduction} must lie in 1..{channels}, the channels")
        super().__init__(
            lambda: ResidualGroup(channels, num_blocks, reduction),
            num_groups,
            scale,
            channels,
            **options,
        )
