"""The tiles in which a method's released code tests, to approach the published numbers."""

from __future__ import annotations

import dataclasses

from torch import Tensor, nn

from ..aggregators.graph_agg import downsampled
from ..spec import Given
from ..steps import Attention, Network


class OfficialChop(nn.Module):
    """Cuts an image into four overlapping tiles, and these again, until they are small.

    Every image is cut at least once. The four results are put together at the image's middle
    without blending. Tiles of the downsampled image of a graph are cut from the whole one. The
    result is not that of the whole image: patches find neighbours in their own tile only.

    Args:
        network: A restoration network; its spec's `Chop` says how large tiles are.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        chop = network.spec.chop
        self.spec = dataclasses.replace(
            network.spec, min_size=max(2 * chop.shave, network.spec.min_size)
        )
        graphs = [m for m in network.modules() if isinstance(m, Attention)]
        self.graph_scale: int = max(
            (max(graph.scales) for graph in graphs if "image_down" in graph.takes), default=1
        )

    def forward(self, lq: Tensor, given: Given | None = None) -> Tensor:
        """``(N, C, H, W) -> (N, C', scale * H, scale * W)``.

        Args:
            lq: In [0, 1].
            given: The whole image downsampled, in place of the own.

        Raises:
            ValueError: The image is smaller than the spec's ``min_size``.
        """
        least = self.spec.min_size
        if min(lq.shape[-2:]) < least:
            raise ValueError(
                f"a {lq.shape[-2]}x{lq.shape[-1]} image is too small for the official test "
                f"procedure: it needs at least {least}x{least}"
            )
        given = given or self.shared(lq)
        return self._chop(lq, given.image_down if given is not None else None)

    def shared(self, lq: Tensor) -> Given | None:
        """What all tiles share: the downsampled image of a graph."""
        return Given(image_down=downsampled(lq, self.graph_scale)) if self.graph_scale > 1 else None

    def _chop(self, lq: Tensor, down: Tensor | None) -> Tensor:
        scale, channels = self.spec.scale, self.spec.channels[1]
        height, width = lq.shape[-2:]
        rows, cols = self._parts(height), self._parts(width)
        sr = lq.new_empty(len(lq), channels, scale * height, scale * width)
        for row_lq, row_down, row_kept, row_sr in rows:
            for col_lq, col_down, col_kept, col_sr in cols:
                tile = lq[..., row_lq, col_lq]
                tile_down = None if down is None else down[..., row_down, col_down]
                is_small = tile.shape[-2] * tile.shape[-1] < self.spec.chop.largest
                run = self._run if is_small else self._chop
                sr[..., row_sr, col_sr] = run(tile, tile_down)[..., row_kept, col_kept]
        return sr

    def _run(self, tile: Tensor, down: Tensor | None) -> Tensor:
        return self.network(tile, None if down is None else Given(image_down=down))

    def _parts(self, length: int) -> list[tuple[slice, slice, slice, slice]]:
        """Both halves along one axis: LR, downsampled, what is kept of the result, its place."""
        s, r, chop = self.graph_scale, self.spec.scale, self.spec.chop
        down = length // s
        size_down = down // 2 + chop.shave // s
        size = size_down * s + length % s if s > 1 else chop.side(length)
        middle = length // 2
        first = slice(0, size), slice(0, size_down), slice(0, r * middle), slice(0, r * middle)
        kept = slice(r * (size - (length - middle)), None)
        last = slice(length - size, None), slice(down - size_down, None), kept
        return [first, (*last, slice(r * middle, None))]
