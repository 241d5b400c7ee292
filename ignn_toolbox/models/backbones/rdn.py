"""RDN.

Paper: Zhang, Tian, Kong, Zhong, Fu, "Residual Dense Network for Image Super-Resolution", CVPR 2018.
Status: equal to EDSR-PyTorch's port on its golden cases; 22,123,395, 22,308,035 and 22,271,107
parameters at x2, x3 and x4. The port subtracts no mean colour, the authors' Lua code does, outside
the network: give it as ``rgb_mean``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...registry import MODELS
from ..foreign import Foreign, Options, State, count
from ..layers import ConvReLU, MeanShift, UpsampleStage
from ..reach import Reach
from ..spec import Chop, NetworkSpec
from ..steps import Network


class DenseBlock(nn.Module):
    """RDB: each convolution sees all before it; what they make is fused and added to the input.

    Args:
        channels: Of input and output, the paper's G0.
        growth: Channels that a convolution adds, G.
        depth: Convolutions, C.
    """

    def __init__(self, channels: int, growth: int, depth: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(ConvReLU(channels + c * growth, growth) for c in range(depth))
        self.fuse = nn.Conv2d(channels + depth * growth, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, G0, H, W)`` to the same shape."""
        dense = x
        for conv in self.convs:
            dense = torch.cat((dense, conv(dense)), 1)
        return x + self.fuse(dense)

    def reach(self) -> Reach:
        """That of all convolutions."""
        return Reach.of(*self.convs)


def _arguments(state: State, options: Options) -> dict[str, Any]:
    first = state["RDBs.0.convs.0.conv.0.weight"]
    stage, after = state["UPNet.0.weight"], state["UPNet.2.weight"]
    return {
        "scale": 4 if "UPNet.4.weight" in state else round((len(stage) / after.shape[1]) ** 0.5),
        "channels": first.shape[1],
        "growth": first.shape[0],
        "num_blocks": count(state, "RDBs.*.LFF.weight"),
        "depth": count(state, "RDBs.0.convs.*.conv.0.weight"),
    }


def _names(state: State, options: Options) -> dict[str, str | None]:
    stages = 2 if "UPNet.4.weight" in state else 1
    return {
        "SFENet1": "stem",
        "SFENet2": "shallow",
        "RDBs.*.convs.*.conv.0": "blocks.*.convs.*",
        "RDBs.*.LFF": "blocks.*.fuse",
        "GFF.0": "fuse",
        "GFF.1": "body_end",
        **{f"UPNet.{2 * i}": f"upsampler.{i}.conv" for i in range(stages)},
        f"UPNet.{2 * stages}": "output",
    }


@MODELS.register_module()
class RDN(Network):
    """RDN: residual dense blocks, all of whose results are fused.

    Args:
        scale: 2, 3 or 4.
        channels: Feature channels, the paper's G0.
        growth: Channels that each convolution of a block adds, G.
        num_blocks: Residual dense blocks, D.
        depth: Convolutions of a block, C.
        rgb_mean: Mean colour in [0, 1], subtracted from the input and added to the output; the port
            has none.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "EDSR-PyTorch's RDN",
            ("SFENet1.weight", "RDBs.0.convs.0.conv.0.weight", "GFF.0.weight", "UPNet.0.weight"),
            _arguments,
            _names,
            white=255,
        ),
    )

    def __init__(
        self,
        scale: int,
        channels: int = 64,
        growth: int = 64,
        num_blocks: int = 16,
        depth: int = 8,
        rgb_mean: Sequence[float] | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if scale not in (2, 3, 4):
            raise ValueError(f"RDN knows the scales 2, 3 and 4, got {scale}")
        self.spec = NetworkSpec(scale, chop=Chop(10, 10_000))
        mean = [] if rgb_mean is None else list(rgb_mean)
        self.sub_mean = MeanShift([-m for m in mean]) if mean else nn.Identity()
        self.add_mean = MeanShift(mean) if mean else nn.Identity()
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.shallow = nn.Conv2d(channels, channels, 3, padding=1)
        self.blocks = nn.ModuleList(DenseBlock(channels, growth, depth) for _ in range(num_blocks))
        self.fuse = nn.Conv2d(num_blocks * channels, channels, 1)
        self.body_end = nn.Conv2d(channels, channels, 3, padding=1)
        factors = [2, 2] if scale == 4 else [scale]
        self.upsampler = nn.ModuleList(
            UpsampleStage(growth if number else channels, growth, factor)
            for number, factor in enumerate(factors)
        )
        self.output = nn.Conv2d(growth, 3, 3, padding=1)

    def run(self, lq: Any, go: Any) -> Any:
        """Shallow features, dense blocks, fusion, upsampler, output."""
        head = go.local(self._head, lq, through=(self.sub_mean, self.stem))
        x = go.local(self.shallow, head)
        made = []
        for block in self.blocks:
            x = go.local(block, x)
            made.append(x)
        x = go.local(self._fused, head, *made, through=(self.fuse, self.body_end))
        for stage in self.upsampler:
            x = go.local(stage, x)
        return go.local(self._output, x, through=(self.output, self.add_mean))

    def _head(self, lq: Tensor) -> Tensor:
        return self.stem(self.sub_mean(lq))

    def _fused(self, head: Tensor, *made: Tensor) -> Tensor:
        return head + self.body_end(self.fuse(torch.cat(made, 1)))

    def _output(self, x: Tensor) -> Tensor:
        return self.add_mean(self.output(x))
