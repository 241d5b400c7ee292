"""What a backbone and its aggregator agree on."""

from __future__ import annotations

from mmengine.model import BaseModule

from ..spec import Chop
from ..steps import Attention, Part


class Aggregator(Attention):
    """An `Attention` that sits after a block of a backbone and adds internal information.

    Its maps are the backbone's features ``(N, C, H, W)`` and the LR image ``(N, 3, H, W)``, RGB in
    [0, 1], from which graphs are built. A result of scale 1 replaces the features; one of a larger
    scale is fused after the upsampler stage that reaches it.

    Attributes:
        hr_channels: Channels of the result of a larger scale.
        hr_residual: Whether the backbone adds what it fuses from it (see `layers.Fuse`).
        chop: Tiles of the published test procedure.
    """

    hr_channels: int = 0
    hr_residual: bool = False
    chop: Chop = Chop()


class HostedBlock(Part, BaseModule):
    """A block of other steps than one attention, at an aggregator's place in a backbone.

    Its `run` takes the features, then the LR image, and returns features of the same shape. The
    attributes are an aggregator's.
    """

    scales: tuple[int, ...] = (1,)
    min_size: int = 1
    multiple_of: int = 1
    takes: tuple[str, ...] = ()
    not_exported: str = ""
    hr_channels: int = 0
    hr_residual: bool = False
    chop: Chop = Chop()
