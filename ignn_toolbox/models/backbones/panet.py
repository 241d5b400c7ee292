"""PANet for restoration at the picture's own size: noise, mosaics, compression artefacts.

Paper: Mei et al., "Pyramid Attention Networks for Image Restoration", arXiv 2004.13824. Status:
equal to the released code on its golden cases, gradients too; 5,957,255 parameters for RGB,
5,954,949 for one plane. The released code holds 24 more, of mean shifts that it does not use. PANet
for super-resolution is EDSR with `PyramidAttention` after half of its blocks.
"""

from __future__ import annotations

import functools
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..aggregators import pyramid
from ..foreign import Foreign, Options, State, matching
from ..reach import Reach
from ..spec import Colour, NetworkSpec, Purpose
from .host import Host

_SLOPE = "body.*.body.1.weight"  # stored with every block


class PReLUBlock(nn.Module):
    """Residual block of two convolutions around a PReLU whose slope is handed in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, slope: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        return x + self.conv2(F.prelu(self.conv1(x), slope))

    def reach(self) -> Reach:
        """That of both convolutions."""
        return Reach.of(self.conv1, self.conv2)


def _authors_arguments(state: State, options: Options) -> dict[str, Any]:
    slopes = [state[found.string] for found in matching(state, _SLOPE)]
    if any(not slope.equal(slopes[0]) for slope in slopes):
        raise ValueError("its blocks have slopes of their own, where PANet's share one")
    planes = state["head.0.weight"].shape[1]
    return {"planes": planes, **pyramid.authors_arguments(state, options, 1.0)}


def _authors_names(state: State, options: Options) -> dict[str, str | None]:
    return {
        "sub_mean": None,
        "add_mean": None,
        "head.0": "stem",
        "tail.0": "output",
        **pyramid.authors_names(state),
        "body.*.body.1": None,
        _SLOPE.replace("*", "0"): "slope",
    }


@MODELS.register_module()
class PANet(Host):
    """Residual blocks with an aggregator between them, inside a skip of features, not of pictures.

    All blocks share one slope of PReLU, as in the released code.

    Args:
        channels: Feature channels C.
        num_blocks: Residual blocks.
        planes: Channels of the picture: 3, or 1.
        colour: What these are; ``'rgb'`` for 3 and ``'luma'`` for 1 when ``None``.
        purpose: What the network is for, see `models.NetworkSpec`.
        aggregator: Config of an aggregator, see `models.aggregators`; the published network's is
            ``dict(type='PyramidAttention', channels=64)``.
        aggregate_after: Number of blocks before the aggregator; half of them when ``None``.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "PANet's authors",
            ("head.0.weight", "body.0.body.0.weight", _SLOPE, pyramid.COMPARED, "tail.0.weight"),
            _authors_arguments,
            _authors_names,
            options=("identity_scale", "sampling"),
        ),
    )

    def __init__(
        self,
        channels: int = 64,
        num_blocks: int = 80,
        planes: int = 3,
        colour: Colour | None = None,
        purpose: Purpose = "denoising",
        aggregator: dict | None = None,
        aggregate_after: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        colour = colour or ("rgb" if planes == 3 else "luma")
        self.spec = NetworkSpec(1, channels=(planes, planes), colour=colour, purpose=purpose)
        self.stem = nn.Conv2d(planes, channels, 3, padding=1)
        self.slope = nn.Parameter(nn.PReLU().weight.detach().clone())
        self.blocks = nn.ModuleList(PReLUBlock(channels) for _ in range(num_blocks))
        self.body_end = nn.Conv2d(channels, channels, 3, padding=1)
        self.output = nn.Conv2d(channels, planes, 3, padding=1)
        self.host(aggregator, aggregate_after, num_blocks, channels)

    def run(self, lq: Any, go: Any) -> Any:
        """Stem, blocks with the aggregator between them, output."""
        x = head = go.local(self.stem, lq)
        for number, block in enumerate(self.blocks, 1):
            x = go.local(functools.partial(self._block, block), x, through=(block,))
            x, _ = self.aggregated(number, x, None, lq, go)
        x = go.local(self._body_end, x, head, through=(self.body_end,))
        return go.local(self.output, x)

    def _block(self, block: nn.Module, x: Tensor) -> Tensor:
        return block(x, self.slope)

    def _body_end(self, x: Tensor, head: Tensor) -> Tensor:
        return self.body_end(x) + head
