"""What residual backbones share: stem, blocks, upsampler, output, a socket for an aggregator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmengine.model import BaseModule
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from ...ops import PatchGraph
from ...registry import MODELS, SCOPE
from ..aggregators.base import Aggregated, Aggregator
from ..layers import Fuse, MeanShift, UpsampleStage, enlarge, reach

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


class Backbone(BaseModule):
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
        min_size: Smallest height and width of an input.
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
        self.scale = scale
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
        self.aggregator: Aggregator | None = None
        self.fuse_hr: Fuse | None = None
        self.min_size = 1
        if aggregator is not None:
            self.aggregator = MODELS.build(aggregator)
            self.min_size = self.aggregator.min_size
            self._add_hr_fusion(widths, channels)

    def _add_hr_fusion(self, widths: list[int], channels: int) -> None:
        assert self.aggregator is not None
        reached = 1
        for stage, width in zip(self.upsampler, widths, strict=True):
            reached *= stage.factor
            if reached == self.aggregator.hr_scale:
                to_image = width != channels
                self.fuse_hr = Fuse(
                    width,
                    self.aggregator.hr_channels,
                    hidden=channels // 2 if to_image else None,
                    final_relu=not to_image,
                    residual=to_image or self.aggregator.hr_residual,
                )
                return
        if self.aggregator.hr_scale is not None:
            raise ValueError(
                f"the aggregator's scale {self.aggregator.hr_scale} is no stage of an upsampler to "
                f"x{self.scale}: use 2 for x2 and x4, 3 for x3"
            )

    def init_weights(self) -> None:
        """Initialise as ``init_cfg`` says, also where no runner has set the default scope."""
        with DefaultScope.overwrite_default_scope(SCOPE):
            super().init_weights()

    def forward(
        self, lq: Tensor, *, lq_down: Tensor | None = None, graph: PatchGraph | None = None
    ) -> Tensor:
        """Super-resolve.

        Args:
            lq: ``(N, 3, H, W)`` RGB in [0, 1].
            lq_down: Downsampled input that replaces the aggregator's own.
            graph: Patch graph that replaces the aggregator's own.

        Returns:
            ``(N, 3, scale * H, scale * W)``, not clamped.

        Raises:
            ValueError: The input is smaller than ``min_size``.
        """
        if min(lq.shape[-2:]) < self.min_size:
            raise ValueError(
                f"a {lq.shape[-2]}x{lq.shape[-1]} image is too small for this network: it needs at "
                f"least {self.min_size}x{self.min_size}"
            )
        head = self.head(lq)
        first, last = self.split_blocks()
        x = head
        for block in first:
            x = block(x)
        if self.aggregator is None:
            return self.finish(lq, head, Aggregated(x), last)
        return self.finish(lq, head, self.aggregator(x, lq, image_down=lq_down, graph=graph), last)

    def head(self, lq: Tensor) -> Tensor:
        """The features that the blocks start from, which are also added behind them."""
        return self.stem(self.sub_mean(lq))

    def split_blocks(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """The blocks before the aggregator (all, if there is none) and those after it."""
        blocks = list(self.blocks)
        if self.aggregator is None:
            return blocks, []
        return blocks[: self.aggregate_after], blocks[self.aggregate_after :]

    def finish(
        self, lq: Tensor, head: Tensor, aggregated: Aggregated, blocks: Sequence[nn.Module]
    ) -> Tensor:
        """From the aggregated features to the image.

        Args:
            lq: ``(N, 3, H, W)``.
            head: From `head`.
            aggregated: Of the aggregator; its features alone where there is none.
            blocks: Blocks that are still to come.
        """
        x, hr_features = aggregated
        del aggregated
        for block in blocks:
            x = block(x)
        x = self.body_end(x) + head
        reached = 1
        for stage in self.upsampler:
            x = stage(x)
            reached *= stage.factor
            if self.fuse_hr is not None and reached == self.aggregator.hr_scale:
                x = self.fuse_hr(x, hr_features)
                hr_features = None
        x = self.output(x)
        if self.add_mean is not None:
            return self.add_mean(x)
        return enlarge(lq, self.scale) + x

    def finishing_halo(self, blocks: Sequence[nn.Module]) -> int:
        """LR pixels around its own place that a result of `finish` depends on.

        Args:
            blocks: As given to `finish`; each with a ``halo``.
        """
        halo = reach(self.output)
        reached = self.scale
        for stage in reversed(self.upsampler):
            if self.fuse_hr is not None and reached == self.aggregator.hr_scale:
                halo += reach(self.fuse_hr)
            halo = -(-halo // stage.factor) + reach(stage)
            reached //= stage.factor
        return halo + reach(self.body_end) + sum(block.halo for block in blocks)
