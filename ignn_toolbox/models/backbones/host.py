"""What networks share that host an aggregator between two of their blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from mmengine.registry import DefaultScope

from ...registry import MODELS, SCOPE
from ..aggregators.base import Aggregator, HostedBlock
from ..checks import check_channels
from ..layers import Fuse
from ..spec import NetworkSpec
from ..steps import Network


class Stage(NamedTuple):
    """Where the upsampler stands after one of its stages.

    Attributes:
        scale: Size reached, over that of the features.
        channels: Of the map there.
        is_image: Whether the map is the picture.
    """

    scale: int
    channels: int
    is_image: bool = False


class Host(Network):
    """A network of a sequence of blocks, after any of which an aggregator may sit.

    Its result at the features' size replaces them; a larger one is fused after the stage of the
    upsampler that reaches its size.

    Attributes:
        aggregator: What sits there.
        aggregate_after: Number of blocks before it.
        fuse_hr: Fuses its larger result.
        fuse_scale: The stage after which that is done, as the size reached there.
    """

    aggregate_after: int
    aggregator: Aggregator | HostedBlock | None
    fuse_hr: Fuse | None
    fuse_scale: int | None

    def host(
        self,
        aggregator: dict | None,
        after: int | None,
        num_blocks: int,
        channels: int,
        stages: Sequence[Stage] = (),
    ) -> None:
        """Build the aggregator, and say in ``spec`` what it needs.

        Args:
            aggregator: Its config, see `models.aggregators`.
            after: Number of blocks before it; half of them when ``None``.
            num_blocks: How many there are.
            channels: Of the features.
            stages: Those of the upsampler.

        Raises:
            ValueError: There is no such block, or no stage reaches the size of its result.
        """
        self.aggregate_after = max(1, num_blocks // 2) if after is None else after
        self._channels = channels
        self.aggregator = self.fuse_hr = self.fuse_scale = None
        if aggregator is None:
            return
        if not 1 <= self.aggregate_after <= num_blocks:
            raise ValueError(
                f"aggregate_after={after} must lie in 1..{num_blocks}, the blocks of this "
                f"{type(self).__name__}"
            )
        self.aggregator = own = MODELS.build(aggregator)
        self.spec = _spec_with(self.spec, own)
        wanted = max(own.scales)
        if wanted > 1:
            self._add_fusion(aggregator["type"], wanted, stages)

    def init_weights(self) -> None:
        """Initialise as ``init_cfg`` says, also where no runner has set the default scope."""
        with DefaultScope.overwrite_default_scope(SCOPE):
            super().init_weights()

    def _add_fusion(self, kind: str, wanted: int, stages: Sequence[Stage]) -> None:
        own = self.aggregator
        assert own is not None
        for stage in stages:
            if stage.scale == wanted:
                self.fuse_scale = wanted
                self.fuse_hr = Fuse(
                    stage.channels,
                    own.hr_channels,
                    hidden=self._channels // 2 if stage.is_image else None,
                    final_relu=not stage.is_image,
                    residual=stage.is_image or own.hr_residual,
                )
                return
        if not stages:
            raise ValueError(
                f"{type(self).__name__} keeps the picture's size, and a {kind} makes features "
                f"that are {wanted} times larger"
            )
        reached = " or ".join(str(stage.scale) for stage in stages)
        raise ValueError(
            f"the aggregator's scale {wanted} is no stage of the upsampler of this x"
            f"{self.spec.scale} {type(self).__name__}, which reaches {reached}"
        )

    def aggregated(self, number: int, x: Any, hr: Any, lq: Any, go: Any) -> tuple[Any, Any]:
        """Aggregate if it is the turn after block ``number``.

        Returns:
            The features to go on with, and those that wait for their stage of the upsampler.
        """
        own = self.aggregator
        if own is None or number != self.aggregate_after:
            return x, hr
        results = go.local(own, x, lq) if isinstance(own, HostedBlock) else go.attend(own, x, lq)
        scales = own.scales
        found = dict(zip(scales, results if len(scales) > 1 else (results,), strict=True))
        check_channels(own, "the result of scale 1", found.get(1), self._channels)
        hr = None if self.fuse_scale is None else found.get(self.fuse_scale)
        check_channels(own, "the larger result", hr, own.hr_channels)
        return found.get(1, x), hr

    def fused(self, reached: int, x: Any, hr: Any, go: Any) -> tuple[Any, Any]:
        """Fuse the larger result if the upsampler has reached its size."""
        if hr is None or reached != self.fuse_scale:
            return x, hr
        return go.local(self.fuse_hr, x, hr), None


def _spec_with(spec: NetworkSpec, own: Aggregator | HostedBlock) -> NetworkSpec:
    """A network's spec together with what its aggregator needs."""
    return replace(
        spec,
        min_size=max(spec.min_size, own.min_size),
        multiple_of=own.multiple_of,
        chop=own.chop,
        not_exported=spec.not_exported or own.not_exported,
    )
