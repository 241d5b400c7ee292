"""What residual backbones share: stem, blocks, upsampler, output, a socket for an aggregator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from ...registry import MODELS, SCOPE
from ..aggregators.base import Aggregator
from ..checks import check_channels
from ..layers import Enlarge, Fuse, MeanShift, UpsampleStage
from ..spec import NetworkSpec
from ..steps import Network

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


class Backbone(Network):
    """Stem, a sequence of blocks inside a long skip, upsampler, output.

    A subclass says what a block is. An aggregator may sit after any of them; the HR features that
    it returns are fused after the upsampler stage that reaches their scale.

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

    Attributes:
        fuse_scale: The stage after which HR features are fused, as the size reached there.
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
        if aggregate_after is None:
            aggregate_after = max(1, num_blocks // 2)
        if aggregator is not None and not 1 <= aggregate_after <= num_blocks:
            raise ValueError(
                f"aggregate_after={aggregate_after} must lie in 1..{num_blocks}, the blocks of "
                f"this {name}"
            )
        self.compact = compact
        self.aggregate_after = aggregate_after
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
        self.aggregator: Aggregator | None = None
        self.fuse_hr: Fuse | None = None
        self.fuse_scale: int | None = None
        self.spec = NetworkSpec(scale)
        if aggregator is not None:
            self.aggregator = own = MODELS.build(aggregator)
            self.spec = NetworkSpec(
                scale,
                min_size=own.min_size,
                multiple_of=own.multiple_of,
                chop=own.chop,
                not_exported=own.not_exported,
            )
            self._add_hr_fusion(scale, widths, channels)

    def _add_hr_fusion(self, scale: int, widths: list[int], channels: int) -> None:
        aggregator = self.aggregator
        assert aggregator is not None
        wanted = max(aggregator.scales)
        if wanted == 1:
            return
        reached = 1
        for stage, width in zip(self.upsampler, widths, strict=True):
            reached *= stage.factor
            if reached == wanted:
                to_image = width != channels
                self.fuse_scale = wanted
                self.fuse_hr = Fuse(
                    width,
                    aggregator.hr_channels,
                    hidden=channels // 2 if to_image else None,
                    final_relu=not to_image,
                    residual=to_image or aggregator.hr_residual,
                )
                return
        raise ValueError(
            f"the aggregator's scale {wanted} is no stage of an upsampler to x{scale}: use 2 for "
            "x2 and x4, 3 for x3"
        )

    def init_weights(self) -> None:
        """Initialise as ``init_cfg`` says, also where no runner has set the default scope."""
        with DefaultScope.overwrite_default_scope(SCOPE):
            super().init_weights()

    def run(self, lq: Any, go: Any) -> Any:
        """Stem, blocks with the aggregator between them, upsampler with the fusion, output."""
        head = go.local(self._head, lq, through=(self.sub_mean, self.stem))
        x, hr = head, None
        for number, block in enumerate(self.blocks, 1):
            x = go.local(block, x)
            if self.aggregator is not None and number == self.aggregate_after:
                x, hr = self._aggregated(x, go.attend(self.aggregator, x, lq))
        x = go.local(self._body_end, x, head, through=(self.body_end,))
        del head
        reached = 1
        for stage in self.upsampler:
            x = go.local(stage, x)
            reached *= stage.factor
            if hr is not None and reached == self.fuse_scale:
                x, hr = go.local(self.fuse_hr, x, hr), None
        if self.add_mean is None:
            return go.local(torch.add, go.local(self.enlarge, lq), x, through=())
        return go.local(self._output, x, through=(self.output, self.add_mean))

    def _head(self, lq: Tensor) -> Tensor:
        return self.stem(self.sub_mean(lq))

    def _body_end(self, x: Tensor, head: Tensor) -> Tensor:
        return self.body_end(x) + head

    def _output(self, x: Tensor) -> Tensor:
        return self.add_mean(self.output(x))

    def _aggregated(self, x: Any, results: Any) -> tuple[Any, Any]:
        """The features to go on with, and those that wait for their stage of the upsampler."""
        scales = self.aggregator.scales
        found = dict(zip(scales, results if len(scales) > 1 else (results,), strict=True))
        channels = self.stem.out_channels
        check_channels(self.aggregator, "the result of scale 1", found.get(1), channels)
        hr, hr_channels = found.get(self.fuse_scale), self.aggregator.hr_channels
        check_channels(self.aggregator, "the larger result", hr, hr_channels)
        return found.get(1, x), hr
