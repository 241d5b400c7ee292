"""MemNet.

Paper: Tai, Yang, Liu, Xu, "MemNet: A Persistent Memory Network for Image Restoration", ICCV 2017.
Status: equal to the PyTorch port wutianyiRosun/MemNet on its golden case; 2,910,537 parameters at 6
memory blocks of 6 residual blocks. The port weighs the pictures by a sum through which alone their
weights learn; here these are ordinary weights.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from ...registry import MODELS
from ..foreign import Foreign, Options, State, count
from ..layers import BicubicEnlarge
from ..spec import NetworkSpec, Outputs
from ..steps import Network, Part


def unit(channels_in: int, channels_out: int, kernel: int = 3) -> nn.Sequential:
    """Batch normalisation, ReLU, convolution."""
    conv = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)
    norm = nn.BatchNorm2d(channels_in)
    return nn.Sequential(OrderedDict(bn=norm, relu=nn.ReLU(inplace=True), conv=conv))


class MemoryBlock(Part):
    """Residual units one after the other, and a gate that joins them with what came before.

    Args:
        channels: Of all maps.
        num_units: Residual units, the paper's R.
        memories: Maps of before that the gate sees.
        share_units: Whether all units have the same weights, as in the paper.
    """

    def __init__(self, channels: int, num_units: int, memories: int, share_units: bool) -> None:
        super().__init__()
        self.num_units = num_units
        self.units = nn.ModuleList(
            nn.Sequential(unit(channels, channels), unit(channels, channels))
            for _ in range(1 if share_units else num_units)
        )
        self.gate = unit((num_units + memories) * channels, channels, kernel=1)

    def run(self, x: Any, *memories: Any, go: Any) -> Any:
        """``(N, C, H, W)`` and all earlier memories to the next one."""
        short = []
        for number in range(self.num_units):
            layers = self.units[number % len(self.units)]
            x = go.local(torch.add, go.local(layers, x), x, through=())
            short.append(x)
        return go.local(self._gated, *short, *memories, through=())

    def _gated(self, *maps: Tensor) -> Tensor:
        return self.gate(torch.cat(maps, 1))


def _arguments(state: State, options: Options) -> dict[str, Any]:
    if options.scale is None:
        raise ValueError(
            "a MemNet serves several scales: say scale=2, 3 or 4, or scale=1 for pictures that are "
            "enlarged already"
        )
    return {
        "scale": options.scale,
        "channels": state["feature_extractor.conv.weight"].shape[0],
        "num_blocks": count(state, "dense_memory.*.gate_unit.conv.weight"),
        "num_units": count(state, "dense_memory.0.recursive_unit.*.relu_conv1.conv.weight"),
    }


@MODELS.register_module()
class MemNet(Network):
    """MemNet: memory blocks, each of which makes a picture; the pictures are weighed.

    In training it returns the picture of every block before the weighed one; the paper gives all
    their losses the same weight.

    Args:
        scale: How many times MATLAB's bicubic enlarges the input first; 1 takes pictures that are
            enlarged already.
        channels: Feature channels.
        num_blocks: Memory blocks, the paper's M.
        num_units: Residual units of a block, R.
        share_units: Whether all units of a block have the same weights: in the paper's count, not
            in the port or the released description.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "the MemNet port's",
            ("feature_extractor.conv.weight", "dense_memory.0.gate_unit.conv.weight", "weights"),
            _arguments,
            lambda state, options: {
                "feature_extractor": "stem",
                "reconstructor": "output",
                "dense_memory.*.recursive_unit.*.relu_conv1": "blocks.*.units.*.0",
                "dense_memory.*.recursive_unit.*.relu_conv2": "blocks.*.units.*.1",
                "dense_memory.*.gate_unit": "blocks.*.gate",
            },
            options=("scale",),
        ),
    )

    def __init__(
        self,
        scale: int,
        channels: int = 64,
        num_blocks: int = 6,
        num_units: int = 6,
        share_units: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.spec = NetworkSpec(
            scale,
            (1, 1),
            "luma",
            outputs=(scale,) * (num_blocks + 1),
            purpose="super-resolution",
        )
        self.enlarge = BicubicEnlarge(scale)
        self.stem = unit(1, channels)
        self.blocks = nn.ModuleList(
            MemoryBlock(channels, num_units, number + 1, share_units)
            for number in range(num_blocks)
        )
        self.output = unit(channels, 1)
        self.weights = nn.Parameter(torch.full((1, num_blocks), 1 / num_blocks))

    def run(self, lq: Any, go: Any) -> Any:
        """Memories, a picture of each, their weighed mean."""
        image = go.local(self.enlarge, lq)
        memories = [go.local(self.stem, image)]
        pictures = []
        block: Any
        for block in self.blocks:
            memories.append(block.run(memories[-1], *memories, go=go))
            x = go.local(self.output, memories[-1])
            pictures.append(go.local(torch.add, x, image, through=()))
        sr = go.local(self._weighed, *pictures, through=())
        return Outputs(sr, tuple(pictures)) if self.training else sr

    def _weighed(self, *pictures: Tensor) -> Tensor:
        weights = self.weights[0] / self.weights.sum()
        return torch.stack(pictures, -1) @ weights
