"""Image -> feature map in which patches are compared (paper section 3.1).

All keep the image's size. `VGGEmbedder` is the paper's; the others need no foreign weights.
"""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor, nn

from ...registry import MODELS
from ..reach import Reach


@MODELS.register_module()
class RGBEmbedder(BaseModule):
    """The image itself: patches are compared by colour. No parameters."""

    channels = 3

    def forward(self, image: Tensor) -> Tensor:
        """``(N, 3, H, W)`` in [0, 1], returned as it is."""
        return image

    def reach(self) -> Reach:
        """A pixel's own place."""
        return Reach()


@MODELS.register_module()
class CNNEmbedder(BaseModule):
    """Trainable conv, ReLU, conv, ReLU; the edge labels carry its gradient.

    Args:
        channels: Channels D of the feature map.
        init_cfg: mmengine's initialisation config.
    """

    def __init__(self, channels: int = 16, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.channels = channels
        self.layers = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
        )

    def forward(self, image: Tensor) -> Tensor:
        """``(N, 3, H, W)`` in [0, 1] to ``(N, D, H, W)``."""
        return self.layers(image - 0.5)

    def reach(self) -> Reach:
        """That of both convolutions."""
        return Reach.of(self.layers)
