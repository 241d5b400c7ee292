"""N3 block: nearest patches chosen by a selection that has a gradient.

Paper: Plötz, Roth, "Neural Nearest Neighbors Networks", NeurIPS 2018. Status: selection and block
equal to the authors' code on its golden cases.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..layers import zero_conv
from ..spec import Given
from ..steps import Allocate, Attention, Place
from .base import Aggregator

_TEMPERATURE = math.log(0.1)
_VALUES = 2**24  # of candidates that are in memory at a time


def relaxed_neighbors(distances: Tensor, log_temperature: Tensor, count: int) -> Tensor:
    """Weights of candidates in a differentiable selection of the nearest ones, one after the other.

    Each is a softmax over ``distances / temperature``, from which the weight of those chosen before
    was taken: ``l_{r+1} = l_r + log(1 - w_r)``.

    Args:
        distances: ``(..., m, o)``, negative: the largest is the nearest.
        log_temperature: ``(..., m, 1)``.
        count: How many neighbours, the paper's k.

    Returns:
        ``(..., m, o, count)``; each neighbour's weights sum to one.
    """
    logits = distances / (log_temperature + _TEMPERATURE).exp()
    weights = []
    for _ in range(count):
        log_weights = logits.log_softmax(-1)
        weights.append(log_weights.exp())
        logits = logits + _log1mexp(log_weights)
    return torch.stack(weights, -1)


def _log1mexp(u: Tensor) -> Tensor:
    """``log(1 - exp(u))`` of negative numbers, whose gradient stays finite where u is near 0."""
    is_small = u < math.log(0.5)
    small = torch.log1p(-torch.where(is_small, u, -1.0).exp())
    large = -torch.expm1(torch.where(is_small, -1.0, u))
    # forward log(large), backward as if 1e-7 were added
    stable = (large + 1e-7).log()
    exact = large.clamp_min(torch.finfo(large.dtype).tiny).log()
    return torch.where(is_small, small, stable + (exact - stable).detach())


def _embedding(planes: int, features: int, planes_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels_in in (planes, features):
        layers += [
            nn.Conv2d(channels_in, features, 3, padding=1, bias=False),
            nn.BatchNorm2d(features, momentum=0.001),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.Conv2d(features, planes_out, 3, padding=1))


class NearestNeighbors(Attention):
    """N3 block: the differences of relaxed nearest patches, behind the features.

    Args:
        planes: Channels C of the features.
        num_neighbors: The paper's k; the result has ``(k + 1) C`` channels.
        patch: Side of a patch.
        stride: Between patches.
        window: Side of the square of patches that is searched, the query's own left out.
        features: Channels inside the two embeddings.
        embedded: Channels in which patches are compared.
    """

    not_exported = "the search for its neighbours has no form in ONNX"

    def __init__(
        self,
        planes: int = 8,
        num_neighbors: int = 7,
        patch: int = 10,
        stride: int = 5,
        window: int = 15,
        features: int = 64,
        embedded: int = 8,
    ) -> None:
        super().__init__()
        if not 1 <= stride <= patch:
            raise ValueError(f"stride={stride} must lie in 1..{patch}, or pixels have no patch")
        if window**2 <= num_neighbors:
            raise ValueError(
                f"window={window} holds {window**2 - 1} other patches, fewer than "
                f"num_neighbors={num_neighbors}"
            )
        self.num_neighbors, self.patch, self.stride = num_neighbors, patch, stride
        self.window = window
        self.min_size = patch + (window - 1) * stride
        self.embed = _embedding(planes, features, embedded)
        self.temperature = _embedding(planes, features, 1)
        self.norm = nn.BatchNorm1d(1)

    def prepare(
        self,
        features: Tensor,
        *guides: Tensor,
        given: Given | None = None,
        allocate: Allocate | None = None,
    ) -> Tensor:
        """Make all results: patches overlap, so a place's depends on several searches."""
        features = features.to(self.norm.weight.device)
        height, width = features.shape[-2:]
        frame, grid = zip(*(self._laid(n) for n in (height, width)), strict=True)
        edges = [side for pair in reversed(frame) for side in pair]
        embedded, temperature = (
            self._patches(F.pad(f(features), edges)) for f in (self.embed, self.temperature)
        )
        values = self._patches(F.pad(features, edges))
        rows, cols = grid
        candidates = self._candidates(rows, cols, features.device)
        distances = torch.cat(
            [
                -(embedded[:, :, own, None] - embedded[:, :, found]).square().sum(1)
                for own, found in self._portions(candidates, embedded)
            ],
            1,
        )
        distances = self.norm(distances.reshape(-1, 1)).view_as(distances)
        weights = relaxed_neighbors(
            distances, temperature.mean(1).unsqueeze(-1), self.num_neighbors
        )
        sums = torch.cat(
            [
                torch.einsum("nvmo,nmok->nkvm", values[:, :, found], weights[:, own])
                for own, found in self._portions(candidates, values)
            ],
            3,
        )
        size = tuple(n + sum(pair) for n, pair in zip((height, width), frame, strict=True))
        folded = F.fold(sums.flatten(1, 2), size, self.patch, stride=self.stride)
        ones = torch.ones_like(sums[:1, 0, : self.patch**2])
        folded = folded / F.fold(ones, size, self.patch, stride=self.stride)
        (top, _), (left, _) = frame
        nearest = folded[:, :, top : top + height, left : left + width]
        return nearest - features.repeat(1, self.num_neighbors, 1, 1)

    def attend(self, prepared: Tensor, features: Tensor, place: Place) -> Tensor:
        """Cut the region out; see `Attention.attend`."""
        own = place.region
        rows, cols = (slice(own.top, own.top + own.height), slice(own.left, own.left + own.width))
        return torch.cat((features, prepared[..., rows, cols]), 1)

    def _laid(self, length: int) -> tuple[tuple[int, int], int]:
        """Zeros before and behind, so that patches fit, and the number of patches."""
        missing = -(length - self.patch) % self.stride
        before = missing // 2
        return (before, missing - before), (length + missing - self.patch) // self.stride + 1

    def _patches(self, x: Tensor) -> Tensor:
        return F.unfold(x, self.patch, stride=self.stride)

    def _candidates(self, rows: int, cols: int, device: torch.device) -> Tensor:
        """Which patches each one is compared with, ``(m, window^2 - 1)``."""
        window, begun, within = self.window, [], []
        for count in (rows, cols):
            own = torch.arange(count, device=device)
            first = (own - window // 2).clamp(0, count - window)
            begun.append(first)
            within.append(own - first)
        # numbers in the window, the query's own left out
        own = (within[0][:, None] * window + within[1]).flatten()[:, None]
        other = torch.arange(window**2 - 1, device=device)
        other = other + (other >= own)
        top, left = (x.flatten()[:, None] for x in torch.meshgrid(*begun, indexing="ij"))
        return (top + other // window) * cols + left + other % window

    def _portions(self, candidates: Tensor, patches: Tensor) -> Iterator[tuple[slice, Tensor]]:
        values = patches.shape[0] * patches.shape[1] * candidates.shape[1]
        step = max(1, _VALUES // values)
        for start in range(0, len(candidates), step):
            part = slice(start, min(start + step, len(candidates)))
            yield part, candidates[part]


@MODELS.register_module()
class RelaxedNeighbors(Aggregator):
    """N3 block in any backbone: what it finds is brought to the features' channels and added.

    Starts as identity.

    Args:
        channels: Channels C of the features.
        num_neighbors: See `NearestNeighbors`.
        patch: Side of a patch.
        stride: Between patches.
        window: Side of the square of patches that is searched.
        hidden: Channels inside the two embeddings.
        embedded: Channels in which patches are compared.
        init_cfg: mmengine's initialisation config.
    """

    not_exported = NearestNeighbors.not_exported

    def __init__(
        self,
        channels: int,
        num_neighbors: int = 7,
        patch: int = 10,
        stride: int = 5,
        window: int = 15,
        hidden: int = 64,
        embedded: int = 8,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.block = NearestNeighbors(
            channels, num_neighbors, patch, stride, window, hidden, embedded
        )
        self.min_size = self.block.min_size
        self.out = nn.Conv2d((num_neighbors + 1) * channels, channels, 1)
        zero_conv(self.out)

    def prepare(
        self,
        features: Tensor,
        *guides: Tensor,
        given: Given | None = None,
        allocate: Allocate | None = None,
    ) -> Tensor:
        """Search; see `NearestNeighbors.prepare`."""
        return self.block.prepare(features, allocate=allocate)

    def attend(self, prepared: Tensor, features: Tensor, place: Place) -> Tensor:
        """Add what was found; see `Attention.attend`."""
        return features + self.out(self.block.attend(prepared, features, place))
