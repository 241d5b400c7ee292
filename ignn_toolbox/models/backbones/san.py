"""SAN.

Paper: Dai, Cai, Zhang, Xia, Zhang, "Second-order Attention Network for Single Image
Super-Resolution", CVPR 2019. Status: equal to the authors' code on its golden cases. Of the
15,712,800, 15,897,440 and 15,860,512 parameters of its files at x2, x3 and x4, 38,044 are never
used and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...ops.precision import without_autocast
from ...registry import MODELS
from ..aggregators.base import HostedBlock
from ..aggregators.region_non_local import RegionNonLocal
from ..foreign import HEAD_AND_TAIL, Foreign, Options, State, count, upscaling
from ..layers import MeanShift, ResBlock, UpsampleStage
from ..spec import NetworkSpec
from ..statistics import Covariance
from ..steps import Network, Part, Place
from .base import DIV2K_MEAN
from .projection import check_scale

_LARGEST = 1000
_ITERATIONS = 5


class CroppedCovariance(Covariance):
    """Covariance of the channels over a crop of at most 1000 pixels a side.

    Where one side exceeds 1000 and the other is less, the middle of the longer one counts.
    Otherwise both are cropped, and where a side is shorter than the crop the released code's slice
    begins before the picture, counted from its end.
    """

    def __call__(self, x: Tensor) -> Tensor:
        rows, cols = _crop(*x.shape[-2:])
        return super().__call__(x[:, :, rows, cols])

    def part(self, x: Tensor, place: Place) -> Any:
        rows, cols = _crop(place.height, place.width)
        top, left = place.region.top, place.region.left
        low, high = max(rows.start - top, 0), min(rows.stop - top, x.shape[2])
        begin, end = max(cols.start - left, 0), min(cols.stop - left, x.shape[3])
        if low >= high or begin >= end:
            return None
        return super().part(x[:, :, low:high, begin:end], place)

    def join(self, parts: Sequence[Any]) -> Tensor:
        return super().join([part for part in parts if part is not None])


def _crop(height: int, width: int) -> tuple[slice, slice]:
    crops_rows, crops_cols = height >= _LARGEST, width >= _LARGEST
    if height != _LARGEST and width != _LARGEST and crops_rows != crops_cols:
        return _middle(height, crops_rows), _middle(width, crops_cols)
    is_cropped = crops_rows or crops_cols
    return _middle(height, is_cropped), _middle(width, is_cropped)


def _middle(length: int, is_cropped: bool) -> slice:
    if not is_cropped:
        return slice(0, length)
    start, stop, _ = slice((length - _LARGEST) // 2, (length - _LARGEST) // 2 + _LARGEST).indices(
        length
    )
    return slice(start, stop)


def matrix_root(covariance: Tensor) -> Tensor:
    """Square root of symmetric matrices ``(N, C, C)`` by Newton-Schulz iterations.

    A matrix of zeros, that of a constant map, has the root zero; the released code makes it nan.
    """
    size = covariance.shape[-1]
    trace = covariance.diagonal(dim1=1, dim2=2).sum(1).view(-1, 1, 1)
    is_constant = trace <= torch.finfo(trace.dtype).tiny
    scale = torch.where(is_constant, torch.ones_like(trace), trace)
    three = 3 * torch.eye(size, dtype=covariance.dtype, device=covariance.device)
    a = covariance / scale
    z = 0.5 * (three - a)
    y = a @ z
    for _ in range(_ITERATIONS - 2):
        t = 0.5 * (three - z @ y)
        y, z = y @ t, t @ z
    root = 0.5 * y @ (three - z @ y)
    return root * torch.where(is_constant, torch.zeros_like(trace), scale.sqrt())


@MODELS.register_module()
class SecondOrderAttention(HostedBlock):
    """SOCA: channels weighted by the root of their covariance over the picture.

    Any backbone can host it, as an aggregator.

    Args:
        channels: Of the features.
        reduction: How many times fewer channels the inner layer has.
        init_cfg: mmengine's initialisation config.
    """

    not_exported = "the crop of its covariance depends on the picture's size"

    def __init__(self, channels: int, reduction: int = 16, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if not 1 <= reduction <= channels:
            raise ValueError(f"reduction={reduction} must lie in 1..{channels}, the channels")
        self.squeeze = nn.Conv2d(channels, channels // reduction, 1)
        self.excite = nn.Conv2d(channels // reduction, channels, 1)

    def run(self, x: Any, *guides: Any, go: Any) -> Any:
        """``(N, C, H, W)`` to the same shape."""
        covariance = go.statistics(CroppedCovariance(), x)
        weights = go.local(self._weights, covariance, through=())
        return go.local(torch.mul, x, weights, through=())

    def _weights(self, covariance: Tensor) -> Tensor:
        with without_autocast(covariance.device):
            root = matrix_root(
                covariance if covariance.dtype == torch.float64 else covariance.float()
            )
        means = root.mean(1)[..., None, None]
        return self.excite(F.relu(self.squeeze(means))).sigmoid()


class Group(Part):
    """LSRAG: residual blocks, second-order attention, a convolution; its input is added."""

    def __init__(self, channels: int, num_blocks: int, reduction: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(ResBlock(channels) for _ in range(num_blocks)))
        self.soca = SecondOrderAttention(channels, reduction)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def run(self, x: Any, go: Any) -> Any:
        """``(N, C, H, W)`` to the same shape."""
        own = x
        for block in self.blocks:
            own = go.local(block, own)
        return go.local(self._skip, go.local(self.soca, own), x, through=(self.conv,))

    def _skip(self, own: Tensor, x: Tensor) -> Tensor:
        return self.conv(own) + x


def _arguments(state: State, options: Options) -> dict[str, Any]:
    channels = state["head.0.weight"].shape[0]
    return {
        "scale": upscaling(state, channels),
        "channels": channels,
        "num_groups": count(state, "RG.*.conv_last.weight"),
        "num_blocks": count(state, "RG.0.rcab.*.conv_first.0.weight"),
        "reduction": channels // state["RG.0.soca.conv_du.0.weight"].shape[0],
        "compared": state["non_local.non_local.theta.weight"].shape[0],
    }


@MODELS.register_module()
class SAN(Network):
    """SAN: groups with second-order attention between two passes of one region non-local block.

    Args:
        scale: 2, 3, 4 or 8.
        channels: Feature channels.
        num_groups: Groups, the paper's G.
        num_blocks: Residual blocks of a group.
        reduction: How many times fewer channels the inner layer of the attention has.
        compared: Channels that the non-local block compares; an eighth when ``None``.
        rgb_mean: Mean colour in [0, 1], subtracted from the input and added to the output.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "SAN's authors",
            (
                "head.0.weight",
                "RG.0.rcab.0.conv_first.0.weight",
                "RG.0.soca.conv_du.0.weight",
                "non_local.non_local.theta.weight",
                "tail.0.0.weight",
            ),
            _arguments,
            lambda state, options: {
                **HEAD_AND_TAIL,
                "RG.*.rcab.*.conv_first.0": "groups.*.blocks.*.conv1",
                "RG.*.rcab.*.conv_first.2": "groups.*.blocks.*.conv2",
                "RG.*.soca.conv_du.0": "groups.*.soca.squeeze",
                "RG.*.soca.conv_du.2": "groups.*.soca.excite",
                "RG.*.conv_last": "groups.*.conv",
                "non_local.non_local.theta": "non_local.theta",
                "non_local.non_local.phi.0": "non_local.phi",
                "non_local.non_local.g.0": "non_local.g",
                "non_local.non_local.W": "non_local.out",
                # never used
                "RG.*.gamma": None,
                "conv_last": None,
                "non_local.soca": None,
            },
            white=255,
        ),
    )

    def __init__(
        self,
        scale: int,
        channels: int = 64,
        num_groups: int = 20,
        num_blocks: int = 10,
        reduction: int = 16,
        compared: int | None = None,
        rgb_mean: Sequence[float] = DIV2K_MEAN,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_scale("SAN", scale, (2, 3, 4, 8))
        self.spec = NetworkSpec(
            scale,
            min_size=RegionNonLocal.min_size,
            not_exported=SecondOrderAttention.not_exported,
        )
        self.sub_mean, self.add_mean = MeanShift([-m for m in rgb_mean]), MeanShift(rgb_mean)
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.non_local = RegionNonLocal(channels, channels // (compared or channels // 8))
        self.groups = nn.ModuleList(
            Group(channels, num_blocks, reduction) for _ in range(num_groups)
        )
        self.gamma = nn.Parameter(torch.zeros(1))
        factors = [scale] if scale == 3 else [2] * (scale.bit_length() - 1)
        self.upsampler = nn.ModuleList(UpsampleStage(channels, channels, f) for f in factors)
        self.output = nn.Conv2d(channels, 3, 3, padding=1)

    def run(self, lq: Any, go: Any) -> Any:
        """Stem, non-local block, groups that share its result, the block again, upsampler."""
        head = go.local(self._head, lq, through=(self.sub_mean, self.stem))
        x = shared = go.attend(self.non_local, head)
        for group in self.groups:
            x = go.local(self._share, go.local(group, x), shared, through=())
        x = go.local(torch.add, go.attend(self.non_local, x), head, through=())
        for stage in self.upsampler:
            x = go.local(stage, x)
        return go.local(self._output, x, through=(self.output, self.add_mean))

    def _head(self, lq: Tensor) -> Tensor:
        return self.stem(self.sub_mean(lq))

    def _share(self, x: Tensor, shared: Tensor) -> Tensor:
        return x + self.gamma * shared

    def _output(self, x: Tensor) -> Tensor:
        return self.add_mean(self.output(x))
