"""Networks in a form that ONNX can hold: the same weights, aggregators made of `patches`."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.aggregators.non_local import NonLocal
from ..models.aggregators.patch_aggregator import PatchAggregator
from ..models.embedders.frozen import FrozenEmbedder
from ..models.layers import MeanShift
from ..models.steps import Network, Whole
from . import patches


class ExportError(ValueError):
    """A network that cannot be exported."""


class ExportForm(nn.Module):
    """A network for the exporter: one picture of any size, no checks, no loops over the picture.

    An aggregator is replaced; any other network is taken as it is.

    Args:
        network: Stays as it was: the form works on a copy.

    Raises:
        ExportError: The aggregator has no such form.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = _plain(copy.deepcopy(network).eval())
        aggregator = getattr(network, "aggregator", None)
        if isinstance(aggregator, PatchAggregator):
            self.network.aggregator = PatchForm(self.network.aggregator)
        elif isinstance(aggregator, NonLocal):
            self.network.aggregator = NonLocalForm(self.network.aggregator)

    def forward(self, lq: Tensor) -> Tensor:
        """``(1, C, H, W)`` in [0, 1] to ``(1, C', scale * H, scale * W)``, not clamped."""
        scale, multiple = self.network.spec.scale, self.network.spec.multiple_of
        if multiple == 1:
            return self.network.run(lq, Whole())
        padded = _padded(_padded(lq, 2, multiple), 3, multiple)
        out = self.network.run(padded, Whole())
        for dim in (2, 3):  # a slice would ask whether it ends inside
            out = out.index_select(dim, torch.arange(scale * lq.shape[dim], device=lq.device))
        return out


class PatchForm(nn.Module):
    """`GraphAgg` and `SameScaleKNN` in plain operators.

    Args:
        own: The aggregator, whose layers are used.

    Raises:
        ExportError: It draws its neighbours at random.
        FileNotFoundError: Its embedder has no weights.
    """

    def __init__(self, own: PatchAggregator) -> None:
        super().__init__()
        if own.how.neighbors != "nearest":
            raise ExportError(
                f"neighbors={own.how.neighbors!r} is a control experiment and has no exported "
                "form; export a network with neighbors='nearest'"
            )
        if isinstance(own.embedder, FrozenEmbedder):
            own.embedder.init_weights()  # else its first call, the traced one, would read them
        self.own = own
        self.scales, self.hr_channels = own.scales, own.hr_channels
        self.shrink_weights = patches.shrink_weights(own.scale)

    def forward(self, features: Tensor, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """See `Attention.forward`."""
        own = self.own
        queries = keys = own.embedder(image)
        if own.scale > 1:
            small = patches.shrink(image, own.scale, self.shrink_weights)
            keys = own.embedder(small.clamp(0, 1))
        found = patches.search(
            queries,
            keys,
            own.scale,
            own.how.num_neighbors,
            own.how.window,
            own.how.window_mode,
            own.how.exclude_self,
        )
        weights = self._weights(queries, keys, found)
        lr, hr = self._sums(features, found, weights)
        fused = own.fuse(features, lr)
        return fused if len(self.scales) == 1 else (fused, hr)

    def _weights(self, queries: Tensor, keys: Tensor, found: patches.Found) -> list[Tensor]:
        """`PatchAggregator.edge_weights`: ``(1, k, H, W)`` for LR and HR."""
        own, size = self.own, queries.shape[-2:]
        query, key = patches.unfold(queries), patches.unfold(keys).permute(2, 0, 1)
        networks = own.edge_networks()
        scores: list[list[Tensor]] = [[] for _ in networks]
        for chosen in found.index.unbind(1):
            difference = query - key[chosen].permute(1, 2, 0)
            if own.edge_lr is None:
                distance = difference.square().sum((0, 1), keepdim=True)
                scores[0].append(-distance / own.distance_divisor)
                continue
            label = difference.abs().sum(1, keepdim=True)
            label = self._fold_constant(label, found, size)
            for network, score in zip(networks, scores, strict=True):
                score.append(network(label))
        if own.edge_lr is None:
            weight = torch.softmax(torch.cat(scores[0]), 0)
            return [self._fold_constant(weight, found, size)] * 2
        weights = [torch.softmax(torch.cat(score, 1), 1) for score in scores]
        return [weights[0], weights[-1]]

    def _sums(
        self, features: Tensor, found: patches.Found, weights: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """`ops.sum_neighbors`: weighted sums of the neighbours at LR and at HR."""
        own, scale, size = self.own, self.own.scale, features.shape[-2:]
        height, width = (length // scale * scale for length in size)
        key = patches.unfold(features.narrow(2, 0, height).narrow(3, 0, width), scale)
        mean = spread = None
        if own.adapn:
            mean, deviation = patches.deviation(key)
            key = (key - mean) / deviation
            mean, spread = patches.deviation(patches.unfold(features))
        key = key.permute(2, 0, 1)
        weight_lr, weight_hr = weights
        if scale > 1:
            weight_hr = F.interpolate(weight_hr, scale_factor=float(scale), mode="nearest")
        lr = hr = None
        for rank, chosen in enumerate(found.index.unbind(1)):
            neighbor = key[chosen].permute(1, 2, 0)
            if own.adapn:
                neighbor = neighbor * spread + mean
            neighbor = patches.fold(neighbor, found.rows, found.cols, size, scale)
            part_lr = own.downsample(neighbor) * weight_lr[:, rank : rank + 1]
            lr = part_lr if lr is None else lr + part_lr
            if len(self.scales) > 1:
                part_hr = neighbor * weight_hr[:, rank : rank + 1]
                hr = part_hr if hr is None else hr + part_hr
        return lr, hr

    def _fold_constant(self, values: Tensor, found: patches.Found, size: torch.Size) -> Tensor:
        """Overlap mean of patches that are constant inside, ``(C, 1, n) -> (1, C, H, W)``."""
        whole = values.expand(-1, patches.SIZE**2, -1)
        return patches.fold(whole, found.rows, found.cols, size)


class NonLocalForm(nn.Module):
    """`NonLocal` as two matrix products and a softmax: its memory grows with the pixels' square.

    Args:
        own: The aggregator, whose layers are used.
    """

    scales, hr_channels = (1,), 0

    def __init__(self, own: NonLocal) -> None:
        super().__init__()
        self.own = own

    def forward(self, features: Tensor, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """See `Attention.forward`; only ``features`` are used."""
        block = self.own.block
        theta, phi, g = (f(features).flatten(2) for f in (block.theta, block.phi, block.g))
        weights = torch.softmax(self.own.scale * theta.transpose(1, 2) @ phi, -1)
        found = (g @ weights.transpose(1, 2)).unflatten(2, features.shape[-2:])
        return features + block.conv_out(found)


def _padded(x: Tensor, dim: int, multiple: int) -> Tensor:
    """`Network.padded` along one side, in a form whose size a tracer sees to be a multiple."""
    length = x.shape[dim]
    place = torch.arange((length + multiple - 1) // multiple * multiple, device=x.device)
    return x.index_select(dim, torch.minimum(place, 2 * (length - 1) - place))


def _plain(network: nn.Module) -> nn.Module:
    """Mean shifts without autocast, which an exported program cannot hold."""
    for name, child in network.named_children():
        if isinstance(child, MeanShift):
            plain = nn.Conv2d(3, 3, 1)
            plain.weight, plain.bias = child.weight, child.bias
            setattr(network, name, plain)
        else:
            _plain(child)
    return network
