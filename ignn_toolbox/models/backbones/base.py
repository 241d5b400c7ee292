"""What residual backbones share: stem, blocks, upsampler, output, a socket for an aggregator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..layers import Enlarge, MeanShift, UpsampleStage
from ..spec import NetworkSpec
from .host import Host, Stage

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


class Backbone(Host):
    """Stem, a sequence of blocks inside a long skip, upsampler, output.

    A subclass says what a block is. An aggregator may sit after any of them, see `Host`.

    Args:
        make_block: Makes one block, ``(N, C, H, W)`` to the same shape.
        num_blocks: How many.
        scale: 2, 3 or 4.
        channels: Feature channels C.
        rgb_mean: Mean colour in [0, 1], subtracted from the input and added to the output.
        compact: Small variant: the last upsampling convolution goes straight to RGB, and the result
            is added to the bilinearly upsampled input.
        aggregator: Config of an aggregator, see `models.aggregators`.
        aggregate_after: Number of blocks before the aggregator; half of them when ``None``.
        init_cfg: mmengine's initialisation config; ``dict(type='Pretrained', checkpoint=...)``
            starts from another network's weights as far as they fit.
    """

    def __init__(
        self,
        make_block: Callable[[], nn.Module],
        num_blocks: int,
        scale: int,
        channels: int,
        rgb_mean: Sequence[float] = DIV2K_MEAN,
        compact: bool = False,
        aggregator: dict | None = None,
        aggregate_after: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        name = type(self).__name__
        if scale not in (2, 3, 4):
            raise ValueError(f"{name} knows the scales 2, 3 and 4, got {scale}")
        self.compact = compact
        self.sub_mean = MeanShift([-m for m in rgb_mean])
        self.add_mean = None if compact else MeanShift(rgb_mean)
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.ModuleList(make_block() for _ in range(num_blocks))
        self.body_end = nn.Conv2d(channels, channels, 3, padding=1)
        factors = [2, 2] if scale == 4 else [scale]
        widths = [channels] * len(factors)
        if compact:
            widths[-1] = 3
        self.upsampler = nn.ModuleList(
            UpsampleStage(channels, width, factor)
            for width, factor in zip(widths, factors, strict=True)
        )
        self.output = nn.Identity() if compact else nn.Conv2d(channels, 3, 3, padding=1)
        self.enlarge = Enlarge(scale)
        self.spec = NetworkSpec(scale)
        stages, reached = [], 1
        for width, factor in zip(widths, factors, strict=True):
            reached *= factor
            stages.append(Stage(reached, width, is_image=width != channels))
        self.host(aggregator, aggregate_after, num_blocks, channels, stages)

    def run(self, lq: Any, go: Any) -> Any:
        """Stem, blocks with the aggregator between them, upsampler with the fusion, output."""
        head = go.local(self._head, lq, through=(self.sub_mean, self.stem))
        x, hr = head, None
        for number, block in enumerate(self.blocks, 1):
            x = go.local(block, x)
            x, hr = self.aggregated(number, x, hr, lq, go)
        x = go.local(self._body_end, x, head, through=(self.body_end,))
        del head
        reached = 1
        stage: Any
        for stage in self.upsampler:
            x = go.local(stage, x)
            reached *= stage.factor
            x, hr = self.fused(reached, x, hr, go)
        if self.add_mean is None:
            return go.local(torch.add, go.local(self.enlarge, lq), x, through=())
        return go.local(self._output, x, through=(self.output, self.add_mean))

    def _head(self, lq: Tensor) -> Tensor:
        return self.stem(self.sub_mean(lq))

    def _body_end(self, x: Tensor, head: Tensor) -> Tensor:
        return self.body_end(x) + head

    def _output(self, x: Tensor) -> Tensor:
        assert self.add_mean is not None
        return self.add_mean(self.output(x))
