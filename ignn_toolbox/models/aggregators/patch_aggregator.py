"""What GraphAgg and same-scale KNN share: search neighbours, weight them, embed their sum."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...ops import (
    PatchGraph,
    Search,
    edge_label,
    exact_float32,
    fold_constant,
    prepare_neighbors,
    search,
    sum_neighbors,
)
from ...ops.keys import KeyPatches, prepare_keys_in_bands
from ...ops.memory import Memory, plan_neighbors, ranks_together
from ...ops.patches import PatchGrid, Region
from ...ops.window import window_starts
from ...registry import MODELS
from ..checks import check_embedding
from ..embedders.banded import embed_in_bands
from ..layers import Fuse, ResBlock, memory_format_of
from ..reach import Reach
from ..spec import Given
from ..steps import Allocate, Place
from .base import Aggregator

_STRIP = 2**19  # elements of an edge label that are scored at a time
_BAND = 2**25  # bytes of features whose key patches are laid out at a time for a large image


class EdgeNet(nn.Module):
    """ECN, the paper's F_theta: an edge label to a weight before the softmax.

    Convolutions 1x1: D -> hidden, residual block (times 0.1), hidden -> 1.
    """

    def __init__(self, in_channels: int, hidden: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(in_channels, hidden, 1)
        self.block = ResBlock(hidden, res_scale=0.1, kernel_size=1)
        self.tail = nn.Conv2d(hidden, 1, 1)

    def forward(self, label: Tensor) -> Tensor:
        """``(N, D, H, W) -> (N, 1, H, W)``; in strips for a CPU's cache if without gradient."""
        label = label.to(self.head.weight.dtype)
        on_cpu = label.device.type == "cpu"
        if torch.is_grad_enabled() or torch.compiler.is_compiling() or not on_cpu:
            return self._score(label)
        rows = max(1, _STRIP // label[:, :, 0].numel())
        return torch.cat([self._score(strip) for strip in label.split(rows, dim=2)], dim=2)

    def _score(self, label: Tensor) -> Tensor:
        return self.tail(self.block(self.head(label)))


class NeighborEmbedding(nn.Module):
    """DEN, the downsampled-region embedding: ``(N, C, sH, sW) -> (N, C, H, W)``.

    Attributes:
        halo: LR pixels around its own place that an output pixel depends on.
    """

    def __init__(self, channels: int, scale: int) -> None:
        super().__init__()
        self.halo = -(-2 // scale) + 2  # the 5x5's two HR pixels, and one for each 3x3
        self.conv1 = nn.Conv2d(channels, channels, 5, stride=scale, padding=2)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv3 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, neighbor: Tensor) -> Tensor:
        out = F.relu(self.conv1(neighbor), inplace=True)
        return self.conv3(F.relu(self.conv2(out), inplace=True))


@dataclass(frozen=True)
class WholeImage:
    """What the regions of one image share.

    Attributes:
        graph: The image's patch graph.
        queries: Embedding that was searched from; ``None`` where no edge network needs it.
        keys: Embedding that was searched in.
        patches: Key patches of the features; ``None`` where these are a whole map in memory.
    """

    graph: PatchGraph
    queries: Tensor | None
    keys: Tensor | None
    patches: KeyPatches | None

    def crop(self, region: Region, key_rows: slice, device: torch.device) -> WholeImage:
        """The region's queries, with ``key_rows`` of the key grid that hold all they found."""
        graph, rows = self.graph.crop(region), slice(region.top, region.top + region.height)
        queries, keys, patches = self.queries, self.keys, self.patches
        assert patches is not None
        if queries is not None:
            queries = queries[:, :, rows, region.left : region.left + region.width].to(device)
        grid = graph.key_grid
        # at least two, which are a map of at least one whole patch
        last = max(key_rows.stop, min(key_rows.start + 2, grid.rows))
        first = min(key_rows.start, max(last - 2, 0))
        top = first * grid.stride
        height = min(grid.height, (last - 1) * grid.stride + grid.size) - top
        part = PatchGrid(height, grid.width, grid.size, grid.stride)
        index = graph.index - first * grid.cols
        graph = PatchGraph(index, graph.distance, graph.query_grid, part, graph.scale)
        patches = patches.band(grid, slice(first, last)).to(device)
        if keys is not None:
            keys = keys[:, :, top : top + height].to(device)
        return WholeImage(graph.to(device), queries, keys, patches)


class PatchAggregator(Aggregator):
    """Aggregation over a patch graph; a subclass says in which image the neighbours are searched.

    Args:
        channels: Channels C of the features.
        how: How neighbours are searched.
        embedder: Config of the embedder in whose features patches are compared.
        adapn: Whether neighbours take over the query's mean and deviation (equation 3).
        ecn: Whether edge networks weight the neighbours (equation 2); else the weights are
            ``softmax(-D / distance_divisor)`` of the squared distances D.
        ecn_channels: Hidden channels of the edge networks.
        distance_divisor: Only without ``ecn``. The paper's 10 is meant for VGG features.
        residual: Start as identity, see `layers.Fuse`.
        memory: ``None``, ``'low'``, ``'fast'`` or a number of bytes, see
            `ops.memory.plan_neighbors`. Results differ by float rounding only, neighbours never.
        init_cfg: mmengine's initialisation config.
    """

    takes: tuple[str, ...] = ("image_down", "graph")

    def __init__(
        self,
        channels: int,
        how: Search,
        embedder: dict,
        adapn: bool,
        ecn: bool,
        ecn_channels: int,
        distance_divisor: float,
        residual: bool,
        memory: Memory,
        init_cfg: dict | None,
    ) -> None:
        super().__init__(init_cfg)
        if distance_divisor <= 0:
            raise ValueError(f"distance_divisor must be positive, got {distance_divisor}")
        self.how = how
        self.scale = how.scale
        self.min_size = how.smallest_image
        if how.neighbors == "random":
            self.not_exported = (
                "neighbors='random' is a control experiment and has no exported form"
            )
        self.adapn = adapn
        self.distance_divisor = distance_divisor
        self.memory = memory
        self.embedder = MODELS.build(embedder)
        self.downsample = NeighborEmbedding(channels, how.scale)
        self.edge_lr = EdgeNet(self.embedder.channels, ecn_channels) if ecn else None
        self.fuse = Fuse(channels, channels, residual=residual)
        halo = how.patch_size - 1 + self.downsample.halo + Reach.of(self.fuse).halo
        self.reach = Reach.within(halo, align=how.stride)

    def embed(
        self, image: Tensor, image_down: Tensor | None, allocate: Allocate | None = None
    ) -> tuple[Tensor, Tensor]:
        """Features of the image and of the searched image, in tensors of ``allocate`` if given."""
        raise NotImplementedError

    def edge_networks(self) -> list[EdgeNet | None]:
        """The networks that weight the LR sum and, where there is one, the HR sum."""
        return [self.edge_lr]

    @functools.cached_property
    def _halo(self) -> int:
        """Pixels around its own place that an embedded one depends on."""
        return Reach.of(self.embedder).halo

    def _embedded(self, *images: Tensor, allocate: Allocate | None = None) -> list[Tensor]:
        """The embedder's features, float32; without gradient when it is frozen."""
        trains = any(p.requires_grad for p in self.embedder.parameters())
        with exact_float32(images[0].device):
            if trains and torch.is_grad_enabled():
                found = [self.embedder(image.float()) for image in images]
            else:
                with torch.no_grad():
                    found = [
                        embed_in_bands(self.embedder, im.float(), lambda: self._halo, allocate)
                        for im in images
                    ]
        for features, image in zip(found, images, strict=True):
            check_embedding(self.embedder, features, image)
        return found

    def build_graph(self, image: Tensor, image_down: Tensor | None = None) -> PatchGraph:
        """The patch graph of ``(N, 3, H, W)`` images, RGB in [0, 1]."""
        return search(*self.embed(image, image_down), self.how)

    def edge_weights(
        self, queries: Tensor | None, keys: Tensor | None, graph: PatchGraph
    ) -> list[Tensor]:
        """The neighbours' weights for each of `edge_networks`, ``(N, k, H, W)``, sum 1."""
        networks = self.edge_networks()
        if self.edge_lr is None:
            weights = torch.softmax(-graph.distance / self.distance_divisor, dim=-1)
            folded = fold_constant(weights, graph.query_grid).permute(0, 3, 1, 2)
            return [folded] * len(networks)
        assert queries is not None and keys is not None
        scores: list[list[Tensor]] = [[] for _ in networks]
        for ranks in ranks_together(graph.num_neighbors, queries.device):
            label = edge_label(queries, keys, graph, ranks)
            for network, score in zip(networks, scores, strict=True):
                assert network is not None
                score.append(network(label.flatten(0, 1)).unflatten(0, label.shape[:2]))
        return [torch.softmax(torch.cat(s, 1).float(), dim=1)[:, :, 0] for s in scores]

    def prepare(
        self,
        features: Tensor,
        *guides: Tensor,
        given: Given | None = None,
        allocate: Allocate | None = None,
    ) -> WholeImage:
        """Build the graph of the whole image, unless it is given; see `Attention.prepare`.

        Raises:
            ValueError: The image is too small for k neighbours, or the graph is another image's.
        """
        (image,) = guides
        given = given or Given()
        on_host = image.device.type == "cpu"
        queries = keys = None
        if given.graph is None or self.edge_lr is not None:
            queries, keys = self.embed(image, given.image_down, allocate if on_host else None)
        graph = given.graph
        if graph is None:
            assert queries is not None and keys is not None
            graph = search(queries, keys, self.how)
        if self.edge_lr is None:
            queries = keys = None
        if allocate is None:
            return WholeImage(graph, queries, keys, None)
        if not on_host and queries is not None and keys is not None:
            queries, keys = (allocate(tuple(e.shape), e.dtype).copy_(e) for e in (queries, keys))
        graph = graph.to(features.device)
        row = graph.key_grid.stride * self.scale * features[:, :, 0].nbytes
        band = max(1, _BAND // row)
        patches = prepare_keys_in_bands(
            features, graph, adapn=self.adapn, allocate=allocate, band=band
        )
        return WholeImage(graph, queries, keys, patches)

    def attend(
        self, prepared: WholeImage, features: Tensor, place: Place
    ) -> Tensor | tuple[Tensor, ...]:
        """Aggregate: features, and for a larger scale the weighted neighbours themselves."""
        own = prepared
        if prepared.patches is not None:
            rows = self._key_rows(prepared.graph, place.region)
            own = prepared.crop(place.region, rows, features.device)
        del prepared
        weights = self.edge_weights(own.queries, own.keys, own.graph)
        graph, patches = own.graph, own.patches
        del own  # the embeddings, before the largest maps are made
        return self._join(features, graph, weights, patches)

    def _key_rows(self, graph: PatchGraph, region: Region) -> slice:
        """Rows of the key grid where the queries of a region have looked."""
        grid = graph.query_grid
        high, _, starts, _ = window_starts(grid, graph.key_grid, self.how)
        first = region.top // grid.stride
        last = first + PatchGrid(region.height, region.width, grid.size, grid.stride).rows - 1
        return slice(starts[first], starts[last] + high)

    def _join(
        self,
        features: Tensor,
        graph: PatchGraph,
        weights: list[Tensor],
        patches: KeyPatches | None,
    ) -> Tensor | tuple[Tensor, ...]:
        """Sum the weighted neighbours; ``patches`` are given where the keys lie outside."""
        neighbors = prepare_neighbors(features, graph, adapn=self.adapn, patches=patches)
        lr, hr = sum_neighbors(
            neighbors,
            weights[0],
            weights[-1],
            self.downsample,
            halo=self.downsample.halo,
            plan=plan_neighbors(self.memory, features, self.scale, graph.num_neighbors),
            memory_format=memory_format_of(features),
        )
        del neighbors
        fused = self.fuse(features, lr)
        return fused if len(self.scales) == 1 else (fused, hr)
