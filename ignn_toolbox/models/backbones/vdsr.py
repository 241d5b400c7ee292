"""VDSR.

Paper: Kim, Lee, Lee, "Accurate Image Super-Resolution Using Very Deep Convolutional Networks", CVPR
2016. Status: equal to the PyTorch port twtygqyy/pytorch-vdsr on its golden case, and its published
weights score their figures (`docs/rivals.md`); 664,704 parameters without biases, as in the port,
665,921 with them, as in the paper.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...registry import MODELS
from ..foreign import Foreign, Options, State, count
from ..layers import BicubicEnlarge, ConvReLU
from ..spec import NetworkSpec
from ..steps import Network


def _arguments(state: State, options: Options) -> dict[str, Any]:
    """Arguments; one file serves every scale, so the caller says which."""
    if options.scale is None:
        raise ValueError(
            "a VDSR serves several scales: say scale=2, 3 or 4, or scale=1 for pictures that are "
            "enlarged already"
        )
    return {
        "scale": options.scale,
        "channels": state["input.weight"].shape[0],
        "num_blocks": count(state, "residual_layer.*.conv.weight"),
        "bias": "input.bias" in state,
    }


@MODELS.register_module()
class VDSR(Network):
    """VDSR: convolutions on the enlarged luma, and what they make added to it.

    Args:
        scale: How many times MATLAB's bicubic enlarges the input first; the weights are the same
            for every scale. 1 takes pictures that are enlarged already.
        channels: Feature channels.
        num_blocks: Convolutions between the first and the last one.
        bias: Whether convolutions have biases.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "pytorch-vdsr",
            ("input.weight", "residual_layer.0.conv.weight", "output.weight"),
            _arguments,
            lambda state, options: {"input": "stem", "residual_layer.*.conv": "blocks.*"},
            options=("scale",),
        ),
    )

    def __init__(
        self,
        scale: int,
        channels: int = 64,
        num_blocks: int = 18,
        bias: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.spec = NetworkSpec(
            scale,
            (1, 1),
            "luma",
            purpose="super-resolution",
        )
        self.enlarge = BicubicEnlarge(scale)
        self.stem = ConvReLU(1, channels, bias=bias)
        self.blocks = nn.ModuleList(
            ConvReLU(channels, channels, bias=bias) for _ in range(num_blocks)
        )
        self.output = nn.Conv2d(channels, 1, 3, padding=1, bias=bias)
        for layer in (self.stem, *self.blocks, self.output):
            nn.init.normal_(layer.weight, std=(2 / (9 * layer.out_channels)) ** 0.5)

    def run(self, lq: Any, go: Any) -> Any:
        """Enlarge, convolve, add."""
        image = go.local(self.enlarge, lq)
        x = go.local(self.stem, image)
        for block in self.blocks:
            x = go.local(block, x)
        return go.local(self._add, x, image, through=(self.output,))

    def _add(self, x: Tensor, image: Tensor) -> Tensor:
        return torch.add(image, self.output(x))
