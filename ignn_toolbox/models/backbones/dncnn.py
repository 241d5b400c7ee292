"""DnCNN.

Paper: Zhang, Zuo, Chen, Meng, Zhang, "Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for
Image Denoising", IEEE TIP 2017. Status: from the paper; no released weights were compared. 556,097
parameters for grey pictures at 17 layers, 667,073 at 20.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..layers import ConvReLU
from ..reach import Reach
from ..spec import Colour, NetworkSpec
from ..steps import Network


class NormalisedConv(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)), inplace=True)

    def reach(self) -> Reach:
        """That of the convolution."""
        return Reach.of(self.conv)


@MODELS.register_module()
class DnCNN(Network):
    """DnCNN: the noise is estimated and subtracted.

    Args:
        colour: ``'grey'`` or ``'rgb'``.
        channels: Feature channels.
        num_layers: Convolutions in all; the paper takes 17 for one level of noise, 20 for colours
            and unknown levels.
        init_cfg: mmengine's initialisation config.
    """

    def __init__(
        self,
        colour: Colour = "grey",
        channels: int = 64,
        num_layers: int = 17,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if colour not in ("grey", "rgb"):
            raise ValueError(f"colour must be 'grey' or 'rgb', got {colour!r}")
        if num_layers < 2:
            raise ValueError(f"num_layers={num_layers} must be 2 at least: the first and the last")
        planes = 1 if colour == "grey" else 3
        self.spec = NetworkSpec(1, (planes, planes), colour, purpose="denoising")
        self.stem = ConvReLU(planes, channels)
        self.blocks = nn.ModuleList(NormalisedConv(channels) for _ in range(num_layers - 2))
        self.output = nn.Conv2d(channels, planes, 3, padding=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)

    def run(self, lq: Any, go: Any) -> Any:
        """The picture without the noise that the layers find."""
        x = go.local(self.stem, lq)
        for block in self.blocks:
            x = go.local(block, x)
        return go.local(self._subtract, lq, x, through=(self.output,))

    def _subtract(self, lq: Tensor, x: Tensor) -> Tensor:
        return lq - self.output(x)
