"""GCDN's graph convolution: every pixel hears from pixels that look like it, wherever they are.

Paper: Valsesia, Fracastoro, Magli, "Deep Graph-Convolutional Image Denoising", IEEE Transactions on
Image Processing, 2020. Status: equal to the authors' code on its golden case, in `models.GCDN`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ...registry import MODELS
from ..spec import Given
from ..steps import Allocate, Place
from .base import Aggregator

NEAREST = 16
_NEXT = 8  # pixels around one, which are no neighbours in the graph: convolutions see them
_SLOPE = 0.2
_BLOCK = 16  # side of the blocks of pixels that are searched for at a time
_DISTANCES = 2**22  # that are in memory at a time where the whole picture is searched
_EQUAL = 1e-12  # of the squared norms: a pixel and its mirror image, pixels of one flat area
_EDGES = 2**22  # numbers in the matrices of edges that are in memory at a time


def nearest_pixels(features: Tensor, count: int, window: int | None) -> Tensor:
    """Find the pixels whose features are nearest, the pixel itself and those around it left out.

    Pixels are sorted by squared distance, computed in float64 and rounded to float32, ties to the
    lower index; the pixel itself comes first, those around it next, and the 9 first are dropped. So
    at a border, where fewer than 8 are around, the nearest others are dropped in their place when
    the whole picture is searched, as in the released code.

    Args:
        features: ``(N, C, H, W)``.
        count: How many.
        window: Odd side of the square around a pixel that is searched, in the picture mirrored at
            its borders. ``None``, or a picture with a shorter side: all of it is searched.

    Returns:
        Flat indices ``(N, count, H, W)``, the nearest first.
    """
    with torch.no_grad():
        values = features.detach().double().flatten(2).transpose(1, 2).contiguous()
        height, width = features.shape[-2:]
        if window is None or min(height, width) < window:
            found = _in_all(values, height, width, count)
        else:
            found = _in_windows(values, height, width, count, window)
        return found.transpose(1, 2).unflatten(2, (height, width))


def _in_all(values: Tensor, height: int, width: int, count: int) -> Tensor:
    pixels = torch.arange(height * width, device=values.device)
    rows, cols = torch.div(pixels, width, rounding_mode="floor"), pixels % width
    found = []
    for own in pixels.split(max(1, _DISTANCES // len(pixels))):
        is_around = ((rows[own, None] - rows).abs() <= 1) & ((cols[own, None] - cols).abs() <= 1)
        found.append(_chosen(_distances(values[:, own], values), is_around, own, count))
    return torch.cat(found, 1)


def _in_windows(values: Tensor, height: int, width: int, count: int, window: int) -> Tensor:
    device, halo = values.device, window // 2
    rows, cols = (_mirrored(n, halo, device) for n in (height, width))
    offsets = torch.arange(window, device=device)
    is_around = (offsets[:, None] - halo).abs().le(1) & (offsets - halo).abs().le(1)
    is_around, middle = is_around.flatten(), window * window // 2
    found = torch.empty(len(values), height, width, count, dtype=torch.long, device=device)
    for top in range(0, height, _BLOCK):
        for left in range(0, width, _BLOCK):
            high, wide = min(_BLOCK, height - top), min(_BLOCK, width - left)
            across = wide + 2 * halo
            near = (
                rows[top : top + high + 2 * halo, None] * width
                + cols[left : left + wide + 2 * halo]
            ).flatten()
            inner = torch.arange(len(near), device=device).view(-1, across)
            own = near[inner[halo : halo + high, halo : halo + wide].flatten()]
            # where each pixel's window lies among those near the block
            begun = inner[:high, :wide].flatten()
            places = begun[:, None] + (offsets[:, None] * across + offsets).flatten()
            distances = _distances(values[:, own], values[:, near])
            distances = distances.gather(2, places.expand(len(values), -1, -1))
            order = _chosen(distances, is_around, torch.full_like(own, middle), count)
            chosen = near[places.expand(len(values), -1, -1).gather(2, order)]
            found[:, top : top + high, left : left + wide] = chosen.unflatten(1, (high, wide))
    return found.flatten(1, 2)


def _mirrored(length: int, halo: int, device: torch.device) -> Tensor:
    places = torch.arange(-halo, length + halo, device=device).abs()
    return torch.where(places < length, places, 2 * (length - 1) - places)


def _distances(queries: Tensor, keys: Tensor) -> Tensor:
    """Squared distances ``(N, queries, keys)``; what is equal but for rounding is equal."""
    norms = [x.square().sum(2) for x in (queries, keys)]
    both = norms[0][:, :, None] + norms[1][:, None]
    distances = both - 2 * (queries @ keys.transpose(1, 2))
    return distances.masked_fill(distances <= _EQUAL * both, 0.0).float()


def _chosen(distances: Tensor, is_around: Tensor, own: Tensor, count: int) -> Tensor:
    """Places of the nearest behind the first 9, the nearest first."""
    distances = distances.masked_fill(is_around, 0.0)
    places = torch.arange(distances.shape[2], device=distances.device)
    # distances are not negative, so that their bits are in their order; then comes the place
    keys = (distances.view(torch.int32).long() << 32) + places
    keys = keys.masked_fill(places == own[:, None], -1)
    first = keys.topk(count + _NEXT + 1, 2, largest=False, sorted=True).indices
    return first[..., _NEXT + 1 :]


class LowRank(nn.Module):
    """Makes the ``rank`` vectors of one side of an edge's matrix.

    A circulant layer: shifted copies of the input share the weights.

    Args:
        channels_in: Of the input.
        channels: Of a vector.
        rank: How many.
        stride: How far copies are shifted; a vector has ``channels / stride`` of them.
    """

    def __init__(self, channels_in: int, channels: int, rank: int, stride: int) -> None:
        super().__init__()
        if channels % stride:
            raise ValueError(f"stride={stride} must divide the channels {channels}")
        # the second copy is shifted twice: so in the released code
        copies = range(1, channels // stride)
        self.shifts = [0, *((copy + 1) * stride for copy in copies)]
        self.linear = nn.Linear(channels_in, rank * stride, bias=False)
        self.bias = nn.Parameter(torch.zeros(rank, channels))
        nn.init.xavier_normal_(self.linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        """``(..., channels_in)`` to ``(..., rank, channels)``."""
        copies = torch.stack([x.roll(shift, -1) if shift else x for shift in self.shifts], -2)
        return self.linear(copies).flatten(-2).unflatten(-1, self.bias.shape) + self.bias


class EdgeConvolution(nn.Module):
    """ECC: a neighbour passes a matrix of low rank that is made from the difference to it.

    ``y_i = mean_j exp(-|d|^2 / 10) theta_2(d)^T diag(lambda(d)) theta_1(d) h_j`` with
    ``d = h_j - h_i``.

    Args:
        channels_in: Of the features.
        channels_out: Of the result.
        rank: Of a matrix.
        stride_in: See `LowRank`, of theta_1.
        stride_out: Of theta_2.
        divisor: Of the squared distance.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        rank: int,
        stride_in: int,
        stride_out: int,
        divisor: float = 10.0,
    ) -> None:
        super().__init__()
        self.divisor = divisor
        self.hidden = nn.Linear(channels_in, channels_in)
        self.theta_in = LowRank(channels_in, channels_in, rank, stride_in)
        self.theta_out = LowRank(channels_in, channels_out, rank, stride_out)
        self.weigh = nn.Linear(channels_in, rank)
        self._edge = rank * (channels_in + channels_out)
        for layer in (self.hidden, self.weigh):
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, own: Tensor, index: Tensor, whole: Tensor) -> Tensor:
        """Make the results of some pixels.

        Args:
            own: Their features ``(N, P, channels_in)``.
            index: Their neighbours ``(N, P, k)``.
            whole: Features of all pixels ``(N, H * W, channels_in)``.

        Returns:
            ``(N, P, channels_out)``.
        """
        first = torch.arange(len(whole), device=whole.device)[:, None, None] * whole.shape[1]
        values, index = whole.flatten(0, 1), index + first
        found = [self._made(values, *part) for part in self._portions(own, index)]
        return torch.cat(found, 1) if len(found) > 1 else found[0]

    def _made(self, values: Tensor, own: Tensor, index: Tensor) -> Tensor:
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():
            # an edge's matrices are far larger than what they are made of
            return checkpoint(self._messages, values, own, index, use_reentrant=False)
        return self._messages(values, own, index)

    def _messages(self, values: Tensor, own: Tensor, index: Tensor) -> Tensor:
        neighbors = values[index]
        label = neighbors - own[:, :, None]
        hidden = F.leaky_relu(self.hidden(label), _SLOPE)
        ranks = (self.theta_in(hidden) @ neighbors.unsqueeze(-1)).squeeze(-1)
        ranks = ranks * self.weigh(hidden)
        passed = (ranks.unsqueeze(-2) @ self.theta_out(hidden)).squeeze(-2)
        weights = (label.square().sum(-1, keepdim=True) / -self.divisor).exp()
        return (weights * passed).mean(2)

    def _portions(self, own: Tensor, index: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        step = max(1, _EDGES // (self._edge * len(own) * index.shape[2]))
        if torch.compiler.is_compiling():  # loops that depend on a size cannot be followed
            step = own.shape[1]
        yield from zip(own.split(step, 1), index.split(step, 1), strict=True)


@MODELS.register_module()
class GraphConvolution(Aggregator):
    """Edge-conditioned graph convolution, added to the features; starts as identity.

    The graph is searched in the features themselves.

    Args:
        channels: Channels C of the features.
        rank: Of an edge's matrix.
        stride: See `LowRank`; when ``None`` a third of the channels, as published, or the next
            smaller number that divides them.
        num_neighbors: Neighbours of a pixel.
        window: See `nearest_pixels`.
        init_cfg: mmengine's initialisation config.
    """

    not_exported = "its search for similar pixels has no form in ONNX"

    def __init__(
        self,
        channels: int,
        rank: int = 11,
        stride: int | None = None,
        num_neighbors: int = NEAREST,
        window: int | None = 49,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_graph(num_neighbors, window)
        self.num_neighbors, self.window = num_neighbors, window
        self.min_size = least_size(num_neighbors)
        if stride is None:
            third = max(1, channels // 3)
            stride = next(s for s in range(third, 0, -1) if channels % s == 0)
        self.edges = EdgeConvolution(channels, channels, rank, stride, stride)
        nn.init.zeros_(self.edges.theta_out.linear.weight)

    def prepare(
        self,
        features: Tensor,
        *guides: Tensor,
        given: Given | None = None,
        allocate: Allocate | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Search the graph and lay the features out; see `Attention.prepare`."""
        features = features.to(self.edges.hidden.weight.device)
        return nearest_pixels(features, self.num_neighbors, self.window), sequence(features)

    def attend(self, prepared: tuple[Tensor, Tensor], features: Tensor, place: Place) -> Tensor:
        """Convolve; see `Attention.attend`."""
        graph, whole = prepared
        own = place.region
        rows, cols = (slice(own.top, own.top + own.height), slice(own.left, own.left + own.width))
        made = self.edges(sequence(features), sequence(graph[:, :, rows, cols]), whole)
        return features + made.transpose(1, 2).unflatten(2, features.shape[-2:])


def check_graph(num_neighbors: int, window: int | None) -> None:
    """Refuse a graph that cannot be.

    Raises:
        ValueError: There are no neighbours, or the window is even or holds too few pixels.
    """
    if num_neighbors < 1:
        raise ValueError(f"num_neighbors={num_neighbors} must be 1 at least")
    if window is not None and (window % 2 == 0 or window**2 <= num_neighbors + _NEXT):
        raise ValueError(
            f"window={window} must be odd and hold more than {num_neighbors + _NEXT} pixels"
        )


def least_size(num_neighbors: int) -> int:
    """Side of the smallest picture with enough pixels."""
    return max(2, int((num_neighbors + _NEXT) ** 0.5) + 1)


def sequence(x: Tensor) -> Tensor:
    """``(N, C, H, W)`` to ``(N, H * W, C)``."""
    return x.flatten(2).transpose(1, 2)
