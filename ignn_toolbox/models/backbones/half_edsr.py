"""EDSR's blocks at half the picture's size, for restoration at the picture's own size.

Ours, of known parts: the picture is folded to half its size as in FFDNet (Zhang, Zuo, Zhang, IEEE
TIP 2018), passes the residual blocks of EDSR (Lim et al., CVPRW 2017), is unfolded by a pixel
shuffle and added to the input, as in DnCNN. A quarter of the places makes it fast on a CPU, and a
convolution reaches twice as far.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...registry import MODELS
from ..layers import ResBlock, UpsampleStage
from ..spec import Colour, NetworkSpec, Purpose
from ..steps import Network


@MODELS.register_module()
class HalfEDSR(Network):
    """A picture, and what residual blocks at half its size add to it.

    Args:
        channels: Feature channels C.
        num_blocks: Residual blocks.
        colour: Of input and output: ``'rgb'``, ``'luma'``, ``'grey'``, or ``'bayer'`` for mosaics.
        purpose: What the network is for, see `models.NetworkSpec`.
        init_cfg: mmengine's initialisation config.
    """

    def __init__(
        self,
        channels: int = 48,
        num_blocks: int = 6,
        colour: Colour = "rgb",
        purpose: Purpose = "restoration",
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        planes = 3 if colour in ("rgb", "bayer") else 1
        self.spec = NetworkSpec(
            1, (planes, planes), colour, min_size=2, multiple_of=2, purpose=purpose
        )
        # a 3x3 convolution of 2x2 pixels folded into one place, written as one convolution
        self.stem = nn.Conv2d(planes, channels, 6, stride=2, padding=2)
        self.blocks = nn.ModuleList(ResBlock(channels) for _ in range(num_blocks))
        self.body_end = nn.Conv2d(channels, channels, 3, padding=1)
        self.unfold = UpsampleStage(channels, planes, 2)
        with torch.no_grad():  # what is added is little at first
            for parameter in self.unfold.conv.parameters():
                parameter.mul_(0.1)

    def run(self, lq: Any, go: Any) -> Any:
        """Fold, blocks inside a long skip, unfold, add the picture."""
        x = head = go.local(self.stem, lq)
        for block in self.blocks:
            x = go.local(block, x)
        x = go.local(self._body_end, x, head, through=(self.body_end,))
        x = go.local(self.unfold, x)
        return go.local(torch.add, lq, x, through=())

    def _body_end(self, x: Tensor, head: Tensor) -> Tensor:
        return self.body_end(x) + head
