"""The tiles in which IGNN's released code tests, so that published numbers can be approached."""

from __future__ import annotations

from torch import Tensor, nn

from ..aggregators.graph_agg import downsampled

SHAVE = 12  # LR pixels that a tile reaches over the middle
LARGEST_TILE = 40_000  # LR pixels; tiles of this size or more are cut again
_SMALLEST_IMAGE = 2 * SHAVE


class OfficialChop(nn.Module):
    """Cuts an image into four overlapping tiles, and these again, until they are small.

    Every image is cut at least once. The four results are put together at the image's middle
    without blending. Tiles of the downsampled image are cut from the whole one. The result is not
    that of the whole image: patches find neighbours in their own tile only.

    Args:
        network: A restoration network.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.scale = network.scale
        self.min_size = max(_SMALLEST_IMAGE, network.min_size)
        aggregator = getattr(network, "aggregator", None)
        self.graph_scale = getattr(aggregator, "hr_scale", None) or 1

    def forward(self, lq: Tensor, *, lq_down: Tensor | None = None) -> Tensor:
        """``(N, 3, H, W) -> (N, 3, scale * H, scale * W)``.

        Args:
            lq: RGB in [0, 1].
            lq_down: The whole image downsampled, in place of the own.

        Raises:
            ValueError: The image is smaller than ``min_size``.
        """
        if min(lq.shape[-2:]) < self.min_size:
            raise ValueError(
                f"a {lq.shape[-2]}x{lq.shape[-1]} image is too small for the official test "
                f"procedure: it needs at least {self.min_size}x{self.min_size}"
            )
        return self._chop(lq, self.shared(lq).get("lq_down") if lq_down is None else lq_down)

    def shared(self, lq: Tensor) -> dict[str, Tensor]:
        """What all tiles share, as the network's options: the downsampled image of a graph."""
        return {"lq_down": downsampled(lq, self.graph_scale)} if self.graph_scale > 1 else {}

    def _chop(self, lq: Tensor, lq_down: Tensor | None) -> Tensor:
        height, width = lq.shape[-2:]
        rows, cols = self._parts(height), self._parts(width)
        sr = lq.new_empty(*lq.shape[:-2], self.scale * height, self.scale * width)
        for row_lq, row_down, row_kept, row_sr in rows:
            for col_lq, col_down, col_kept, col_sr in cols:
                tile = lq[..., row_lq, col_lq]
                down = None if lq_down is None else lq_down[..., row_down, col_down]
                whole = tile.shape[-2] * tile.shape[-1] < LARGEST_TILE
                part = self._run(tile, down) if whole else self._chop(tile, down)
                sr[..., row_sr, col_sr] = part[..., row_kept, col_kept]
        return sr

    def _run(self, tile: Tensor, down: Tensor | None) -> Tensor:
        return self.network(tile) if down is None else self.network(tile, lq_down=down)

    def _parts(self, length: int) -> list[tuple[slice, slice, slice, slice]]:
        """Both halves along one axis: LR, downsampled, what is kept of the result, its place."""
        s, r = self.graph_scale, self.scale
        down = length // s
        size_down = down // 2 + SHAVE // s
        size = size_down * s + length % s
        middle = length // 2
        first = slice(0, size), slice(0, size_down), slice(0, r * middle), slice(0, r * middle)
        kept = slice(r * (size - (length - middle)), None)
        last = slice(length - size, None), slice(down - size_down, None), kept
        return [first, (*last, slice(r * middle, None))]
