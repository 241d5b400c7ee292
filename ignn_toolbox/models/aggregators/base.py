"""What a backbone and its aggregator agree on."""

from __future__ import annotations

from typing import NamedTuple

from mmengine.model import BaseModule
from torch import Tensor

from ...ops import PatchGraph


class Aggregated(NamedTuple):
    """Result of an aggregator.

    Attributes:
        features: ``(N, C, H, W)``, the shape that went in.
        hr_features: ``(N, C', s * H, s * W)`` with s the aggregator's ``hr_scale``, or ``None``.
    """

    features: Tensor
    hr_features: Tensor | None = None


class Aggregator(BaseModule):
    """A module that sits after a block of a backbone and adds internal information.

    Attributes:
        hr_scale: How many times larger ``hr_features`` are; ``None`` when there are none.
        hr_channels: Their channels.
        hr_residual: Whether the backbone adds what it fuses from them (see `layers.Fuse`).
        min_size: Smallest height and width of an image.
    """

    hr_scale: int | None = None
    hr_channels: int = 0
    hr_residual: bool = False
    min_size: int = 1

    def forward(
        self,
        features: Tensor,
        image: Tensor,
        *,
        image_down: Tensor | None = None,
        graph: PatchGraph | None = None,
    ) -> Aggregated:
        """Aggregate.

        Args:
            features: ``(N, C, H, W)`` of the backbone.
            image: ``(N, 3, H, W)`` LR input, RGB in [0, 1], from which graphs are built.
            image_down: The image downsampled by the graph's scale, in place of the own.
            graph: A ready graph, in place of building one.
        """
        raise NotImplementedError
