"""What a backbone and its aggregator agree on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor

from ...ops import PatchGraph
from ...ops.patches import Region

Allocate = Callable[[tuple[int, ...], torch.dtype], Tensor]


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
        halo: LR pixels around a region of the image that must be given to `aggregate` with it.
        alignment: Rows and columns where such a region may start are multiples of it.
    """

    hr_scale: int | None = None
    hr_channels: int = 0
    hr_residual: bool = False
    min_size: int = 1
    halo: int = 0
    alignment: int = 1

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

    def prepare(self, features: Tensor, image: Tensor, allocate: Allocate) -> Any:
        """What regions need to know of the whole image, for `aggregate`.

        Args:
            features: ``(1, C, H, W)`` of the whole image; may be larger than memory, mapped from
                a file.
            image: ``(1, 3, H, W)`` LR input, on the device that computes.
            allocate: Makes the tensors, from shape and dtype, that grow with the image.
        """
        raise NotImplementedError

    def aggregate(self, prepared: Any, features: Tensor, region: Region) -> Aggregated:
        """What `forward` gives for one region, right but for the outermost ``halo`` pixels.

        At the image's own borders all are right.

        Args:
            prepared: From `prepare`.
            features: ``(1, C, h, w)`` of the region, on the device that computes.
            region: Where it lies; its top and left are multiples of ``alignment``.
        """
        raise NotImplementedError
