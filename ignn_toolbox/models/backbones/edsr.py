"""EDSR.

Paper: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017.
Status: equal to EDSR-PyTorch on its golden cases. With GraphAgg after half of the blocks it is IGNN
(Zhou et al., NeurIPS 2020).
"""

from __future__ import annotations

from typing import Any

from ...registry import MODELS
from ..layers import ResBlock
from .base import Backbone


@MODELS.register_module()
class EDSR(Backbone):
    """EDSR: residual blocks of two convolutions.

    The full network is ``channels=256, num_blocks=32, res_scale=0.1``, the baseline
    ``channels=64, num_blocks=16``.

    Args:
        scale: 2, 3 or 4.
        channels: Feature channels C.
        num_blocks: Residual blocks.
        res_scale: Factor on each block's residual.
        options: ``rgb_mean``, ``compact``, ``aggregator``, ``aggregate_after``, ``init_cfg``: see
            `Backbone`.
    """

    def __init__(
        self,
        scale: int,
        channels: int = 64,
        num_blocks: int = 16,
        res_scale: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(
            lambda: ResBlock(channels, res_scale), num_blocks, scale, channels, **options
        )
