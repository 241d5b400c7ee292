"""Layers that several backbones and aggregators share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ops import imresize
from ..ops.precision import without_autocast
from .reach import Reach


def memory_format_of(x: Tensor) -> torch.memory_format:
    """The memory format of a ``(N, C, H, W)`` map, for what is made beside it."""
    is_rows_of_pixels = x.is_contiguous(memory_format=torch.channels_last)
    if is_rows_of_pixels and not x.is_contiguous():
        return torch.channels_last
    return torch.contiguous_format


def zero_conv(conv: nn.Module) -> None:
    """Set weight and bias to zero, so that a residual branch starts as nothing."""
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)


def enlarge(image: Tensor, factor: int) -> Tensor:
    """Bilinear enlargement of ``(N, C, H, W)`` by an integer factor, borders repeated.

    ``F.interpolate`` computes weights from coordinates, whose rounding grows with the image: at
    x3 a pixel depends on where its tile lies. Here every place has the same weights.
    """
    for dim in (-2, -1):
        length = image.shape[dim]
        before = torch.cat((image.narrow(dim, 0, 1), image.narrow(dim, 0, length - 1)), dim)
        after = torch.cat((image.narrow(dim, 1, length - 1), image.narrow(dim, -1, 1)), dim)
        offsets = [(phase + 0.5) / factor - 0.5 for phase in range(factor)]
        phases = [torch.lerp(image, before if o < 0 else after, abs(o)) for o in offsets]
        image = torch.stack(phases, dim).flatten(dim - 1, dim)
    return image


class Enlarge(nn.Module):
    """`enlarge` by a fixed factor: ``(N, C, H, W) -> (N, C, factor * H, factor * W)``."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, image: Tensor) -> Tensor:
        return enlarge(image, self.factor)

    def reach(self) -> Reach:
        """One pixel of the image on every side."""
        return Reach.of(nn.Upsample(scale_factor=self.factor, mode="bilinear"))


class BicubicEnlarge(nn.Module):
    """MATLAB's bicubic by a whole factor, in floating point, neither rounded nor clipped."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, image: Tensor) -> Tensor:
        return image if self.factor == 1 else imresize(image, float(self.factor))

    def reach(self) -> Reach:
        """Two pixels of the image on every side."""
        return Reach.of(nn.Upsample(scale_factor=self.factor, mode="bicubic"))


class MeanShift(nn.Module):
    """Fixed 1x1 convolution ``weight @ rgb + bias`` on RGB images, always in float32.

    Subtracts or adds the data set's mean colour, or normalises for an embedder. Its numbers are
    frozen parameters, so that checkpoints and parameter counts agree with the field's (EDSR, IGNN).

    Args:
        shift: Three numbers added to R, G, B (range [0, 1]).
        scale: Three numbers that R, G, B are multiplied with before.
    """

    def __init__(self, shift: Sequence[float], scale: Sequence[float] = (1.0, 1.0, 1.0)) -> None:
        super().__init__()
        weight = torch.diag(torch.tensor(scale, dtype=torch.float32))
        self.weight = nn.Parameter(weight.view(3, 3, 1, 1), requires_grad=False)
        bias = torch.tensor(shift, dtype=torch.float32)
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, 3, H, W)`` to the same shape."""
        with without_autocast(image.device):
            return F.conv2d(image.to(self.weight.dtype), self.weight, self.bias)

    def reach(self) -> Reach:
        """A pixel's own place."""
        return Reach()


class ConvReLU(nn.Conv2d):
    """3x3 convolution and ReLU; looks as far as its convolution."""

    def __init__(self, channels_in: int, channels_out: int, bias: bool = True) -> None:
        super().__init__(channels_in, channels_out, 3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x), inplace=True)


class ResBlock(nn.Module):
    """EDSR's residual block: conv, ReLU, conv, times ``res_scale``, plus input."""

    def __init__(self, channels: int, res_scale: float = 1.0, kernel_size: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2)
        self.res_scale = res_scale

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        residual = self.conv2(F.relu(self.conv1(x), inplace=True))
        return torch.add(x, residual, alpha=self.res_scale)

    def reach(self) -> Reach:
        """That of both convolutions."""
        return Reach.of(self.conv1, self.conv2)

    def become_identity(self) -> None:
        """Set the last convolution to zero."""
        zero_conv(self.conv2)


class UpsampleStage(nn.Module):
    """Convolution and pixel shuffle: ``(N, C, H, W) -> (N, out, factor * H, factor * W)``."""

    def __init__(self, channels: int, out_channels: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.conv = nn.Conv2d(channels, out_channels * factor**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.conv(x), self.factor)

    def reach(self) -> Reach:
        """That of the convolution, then the shuffle."""
        return Reach.of(self.conv, nn.PixelShuffle(self.factor))


class Fuse(nn.Module):
    """Join features with aggregated ones: concatenate, conv, ReLU, conv.

    Args:
        channels: Channels of the features, kept.
        extra_channels: Channels of the aggregated features.
        hidden: Channels between the two convolutions; ``channels`` when ``None``.
        final_relu: Whether a ReLU follows (IGNN's HR fusion).
        residual: Whether the result is added to the features, its last convolution starting at
            zero, so that a trained network keeps its output when an aggregator is put in. The
            published IGNN replaces the features instead.
    """

    def __init__(
        self,
        channels: int,
        extra_channels: int,
        hidden: int | None = None,
        *,
        final_relu: bool = False,
        residual: bool = False,
    ) -> None:
        super().__init__()
        hidden = hidden or channels
        self.conv1 = nn.Conv2d(channels + extra_channels, hidden, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden, channels, 3, padding=1)
        self.final_relu = final_relu
        self.residual = residual
        if residual:
            zero_conv(self.conv2)

    def forward(self, features: Tensor, extra: Tensor) -> Tensor:
        # conv1 of the concatenation, without making it: the HR maps are the largest tensors of all
        own, other = self.conv1.weight.split((features.shape[1], extra.shape[1]), dim=1)
        joined = F.conv2d(features, own, self.conv1.bias, padding=1)
        joined += F.conv2d(extra.to(features.dtype), other, padding=1)
        out = self.conv2(F.relu(joined, inplace=True))
        if self.final_relu:
            out = F.relu(out, inplace=True)
        return features + out if self.residual else out

    def reach(self) -> Reach:
        """That of both convolutions, on maps of one size."""
        return Reach.of(self.conv1, self.conv2)
