"""RCAN.

Paper: Zhang et al., "Image Super-Resolution Using Very Deep Residual Channel Attention Networks",
ECCV 2018. Status: equal to the authors' code on its golden case; 15,444,667 parameters at x2, fixed
ones included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..layers import reach, zero_conv
from .base import Backbone

# (function of maps to a map, halo that it needs, maps) -> map, all maps of one size
Tiled = Callable[..., Tensor]


class AttentionBlock(nn.Module):
    """RCAB: conv, ReLU, conv, channel attention, plus input.

    The attention multiplies each channel with a sigmoid of the channels' means over the image, so
    a block sees the whole image: tiles of it do not give the same result.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.squeeze = nn.Conv2d(channels, channels // reduction, 1)
        self.excite = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        residual = self.residual(x)
        return x + residual * self.gain(residual.mean((2, 3), keepdim=True))

    def residual(self, x: Tensor) -> Tensor:
        """What is weighted and added, ``(N, C, H, W)``."""
        return self.conv2(F.relu(self.conv1(x), inplace=True))

    def gain(self, means: Tensor) -> Tensor:
        """The channels' weights from their means over the image, both ``(N, C, 1, 1)``."""
        return self.excite(F.relu(self.squeeze(means), inplace=True)).sigmoid()


class ResidualGroup(nn.Module):
    """Attention blocks and a convolution inside a skip.

    Attributes:
        halo: ``None``: an output pixel depends on the whole image, and `run_tiled` serves tiles.
    """

    halo = None

    def __init__(self, channels: int, num_blocks: int, reduction: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(AttentionBlock(channels, reduction) for _ in range(num_blocks))
        )
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        return x + self.conv(self.blocks(x))

    def run_tiled(self, x: Tensor, tiled: Tiled) -> Tensor:
        """`forward` of a map larger than the device: in tiles, the means over the whole map.

        Args:
            x: ``(1, C, H, W)``.
            tiled: Applies a function to maps tile by tile, see `Tiled`.
        """
        own = x
        for block in self.blocks:
            residual = tiled(block.residual, reach(block.conv1) + reach(block.conv2), own)
            means = residual.mean((2, 3), keepdim=True).to(block.squeeze.weight.device)
            gain = block.gain(means)
            own = tiled(lambda x, r, gain=gain: x + r * gain, 0, own, residual)
        return tiled(lambda x, b: x + self.conv(b), reach(self.conv), x, own)

    def become_identity(self) -> None:
        """Set the last convolution to zero."""
        zero_conv(self.conv)


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
