"""Pictures larger than memory, with the result of the whole picture.

The convolutions run in tiles with a halo of their receptive field. What looks at the whole picture
does so here too: the patch graph is searched in the whole image, neighbours come from whole-image
features, channel attention takes whole-image means.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..models.aggregators import Aggregated
from ..models.aggregators.base import Allocate
from ..models.backbones import Backbone
from ..models.layers import reach
from ..ops.patches import Region
from .tiles import MapStore, TileRun, cut, grow, inside, view


def restore_exactly(
    network: Backbone,
    lq: Tensor,
    run: TileRun,
    store: MapStore,
    prepare: Callable[[Tensor, Tensor, Allocate], Any] | None = None,
) -> Tensor:
    """``network(lq)``, to float rounding, in tiles; without gradient.

    Args:
        network: In eval mode.
        lq: ``(1, 3, H, W)`` RGB in [0, 1], on the network's device.
        run: Goes through the tiles.
        store: Holds the maps of the whole picture.
        prepare: In place of the aggregator's own.

    Returns:
        ``(1, 3, scale * H, scale * W)``, from the store.

    Raises:
        ValueError: The picture is smaller than ``min_size`` or not single.
    """
    if len(lq) != 1 or min(lq.shape[-2:]) < network.min_size:
        raise ValueError(
            f"one image of at least {network.min_size}x{network.min_size} is tiled at a time, "
            f"got {tuple(lq.shape)}"
        )
    return _Exact(network, lq, run, store, prepare).run()


def halos(network: Backbone) -> tuple[int, int]:
    """LR pixels around a tile that are computed with it: before the aggregator, and from it on."""
    first, last = network.split_blocks()
    before = reach(network.stem) + sum(block.halo or 0 for block in first)
    after = network.finishing_halo([block for block in last if block.halo is not None])
    if network.aggregator is None:
        return 0, before + after
    return before, network.aggregator.halo + after


def area_ratio(network: Backbone, height: int, width: int, tile: int) -> float:
    """Pixels computed over pixels of the picture: the least that tiles of this size cost."""
    pixels = [
        grown.height * grown.width
        for halo in halos(network)
        for grown in (grow(r, halo, height, width) for r in cut(height, width, tile))
    ]
    return sum(pixels) / len(halos(network)) / (height * width)


class _Exact:
    """One picture on its way through a network."""

    def __init__(
        self,
        network: Backbone,
        lq: Tensor,
        run: TileRun,
        store: MapStore,
        prepare: Callable[[Tensor, Tensor, Allocate], Any] | None,
    ) -> None:
        self.network = network
        self.lq = lq
        self.tiles = run
        self.store = store
        self.prepare = prepare or getattr(network.aggregator, "prepare", None)
        self.size = lq.shape[-2], lq.shape[-1]

    def run(self) -> Tensor:
        network = self.network
        first, last = network.split_blocks()
        pixels = self.size[0] * self.size[1]
        if network.aggregator is None and all(block.halo is not None for block in first):
            self.tiles.expect(pixels)
            return self._finish(None, None, first)
        self.tiles.expect(self._passes(first, last) * pixels)
        features = self._blocks(None, first)
        prepared = None
        if network.aggregator is not None:
            assert self.prepare is not None
            prepared = self.prepare(features, self.lq, self.store.allocate)
        if all(block.halo is not None for block in last):
            return self._finish(features, prepared, last)
        features, hr_features = self._aggregate(features, prepared)
        features = self._blocks(features, last)
        return self._finish(features, None, [], hr_features)

    @staticmethod
    def _passes(first: Sequence[nn.Module], last: Sequence[nn.Module]) -> int:
        def own(blocks: Sequence[nn.Module]) -> int:
            return sum(2 * len(b.blocks) + 1 if b.halo is None else 0 for b in blocks)

        return 2 + own([*first, *last]) + any(block.halo is None for block in last)

    def _blocks(self, features: Tensor | None, blocks: Sequence[nn.Module]) -> Tensor:
        """Whole features after some blocks; from the image where there are none before them."""
        local: list[nn.Module] = []
        for block in blocks:
            if block.halo is not None:
                local.append(block)
                continue
            if local or features is None:
                features, local = self._local(features, local), []
            features = block.run_tiled(features, self._tiled)
        return self._local(features, local) if local or features is None else features

    def _local(self, features: Tensor | None, blocks: Sequence[nn.Module]) -> Tensor:
        chain, halo = list(blocks), sum(block.halo for block in blocks)

        def work(x: Tensor) -> Tensor:
            x = self.network.head(x) if features is None else x
            for block in chain:
                x = block(x)
            return x

        if features is None:
            return self._tiled(work, halo + reach(self.network.stem), self.lq)
        return self._tiled(work, halo, features)

    def _tiled(self, function: Callable[..., Tensor], halo: int, *maps: Tensor) -> Tensor:
        """Apply a function to maps tile by tile: a map of its results."""
        whole: list[Tensor] = []

        def work(region: Region) -> None:
            outer = grow(region, halo, *self.size)
            made = function(*(self._take(m, outer) for m in maps))
            self._put(whole, made, region, outer, 1)

        self.tiles.over(*self.size, work)
        return whole[0]

    def _aggregate(self, features: Tensor, prepared: object) -> tuple[Tensor, Tensor | None]:
        aggregator = self.network.aggregator
        lr: list[Tensor] = []
        hr: list[Tensor] = []

        def work(region: Region) -> None:
            outer = grow(region, aggregator.halo, *self.size, aggregator.alignment)
            made = aggregator.aggregate(prepared, self._take(features, outer), outer)
            self._put(lr, made.features, region, outer, 1)
            if made.hr_features is not None:
                self._put(hr, made.hr_features, region, outer, aggregator.hr_scale)

        self.tiles.over(*self.size, work)
        return lr[0], hr[0] if hr else None

    def _finish(
        self,
        features: Tensor | None,
        prepared: object,
        blocks: Sequence[nn.Module],
        hr_features: Tensor | None = None,
    ) -> Tensor:
        """The picture from whole features, or from the image where nothing looks at all of it."""
        network, aggregator = self.network, self.network.aggregator
        alignment = 1
        halo = reach(network.stem) + network.finishing_halo(blocks)
        if prepared is not None:
            halo, alignment = halo + aggregator.halo, aggregator.alignment
        sr: list[Tensor] = []

        def aggregated(lq: Tensor, outer: Region) -> Aggregated:
            if features is None:
                return Aggregated(network.head(lq))
            own = self._take(features, outer)
            if prepared is not None:
                return aggregator.aggregate(prepared, own, outer)
            if hr_features is None:
                return Aggregated(own)
            return Aggregated(own, self._take(hr_features, outer, aggregator.hr_scale))

        def work(region: Region) -> None:
            outer = grow(region, halo, *self.size, alignment)
            lq = self._take(self.lq, outer)
            made = network.finish(lq, network.head(lq), aggregated(lq, outer), blocks)
            self._put(sr, made, region, outer, network.scale)

        self.tiles.over(*self.size, work)
        return sr[0]

    def _take(self, maps: Tensor, region: Region, scale: int = 1) -> Tensor:
        part = view(maps, region, scale).to(self.lq.device)
        return part.contiguous(memory_format=torch.channels_last)

    def _put(
        self, whole: list[Tensor], made: Tensor, region: Region, outer: Region, scale: int
    ) -> None:
        """Write a region of a result; the map is made when its channels are known."""
        if not whole:
            # rows of pixels: a region then is a few long runs of the file
            shape = (1, scale * self.size[0], scale * self.size[1], made.shape[1])
            whole.append(self.store.allocate(shape, made.dtype).permute(0, 3, 1, 2))
        view(whole[0], region, scale).copy_(view(made, inside(region, outer), scale))
