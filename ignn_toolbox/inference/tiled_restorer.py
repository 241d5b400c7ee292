"""One network as a callable for pictures of any size: whole where memory allows, else in tiles."""

import math
import os
import re
import warnings
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from ..models.backbones import Backbone
from .independent import restore_independently
from .tiles import MapStore, TileRun, is_out_of_memory
from .tiling import halos, restore_exactly

TileMode = Literal["exact", "independent"]
Progress = Callable[[int, int], None]

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_SHARE = 0.5  # of the free memory, when no budget is given
_LEAST = 2**29  # bytes that are taken as free in any case
_SMALLEST_TILE, _LARGEST_TILE = 16, 4096


def parse_memory(text: str) -> int:
    """Bytes of ``'4G'``, ``'512M'`` or ``'1000000'``.

    Raises:
        ValueError: It is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if not found or float(found[1]) <= 0:
        raise ValueError(f"memory={text!r} is no size; use a number such as 4G or 512M")
    return int(float(found[1]) * _UNITS[found[2].upper()])


class TiledRestorer:
    """Restores pictures of any size with one network.

    Args:
        network: In eval mode.
        whole: What runs a picture that fits, ``network`` or its compiled form.
        memory: Budget in bytes; half of the free memory when ``None``.
        tile: Side of a tile in LR pixels; chosen by the budget when ``None``.
        mode: ``'exact'`` gives the result of the whole picture, ``'independent'`` restores the
            tiles one by one and blends them. Networks other than backbones run whole when exact.

    Attributes:
        progress: Called with (pixels done, pixels in all) after every tile.
    """

    def __init__(
        self,
        network: nn.Module,
        whole: Callable[[Tensor], Tensor],
        memory: int | None = None,
        tile: int | None = None,
        mode: TileMode = "exact",
    ) -> None:
        if mode not in ("exact", "independent"):
            raise ValueError(f"tile_mode must be 'exact' or 'independent', got {mode!r}")
        if tile is not None and tile < _SMALLEST_TILE:
            raise ValueError(f"tile={tile} is too small; use at least {_SMALLEST_TILE} pixels")
        if memory is not None and memory <= 0:
            raise ValueError(f"memory={memory} bytes must be positive")
        self.network = network
        self.scale: int = network.scale
        self.progress: Progress = lambda done, total: None
        self._whole = whole
        self._memory = memory
        self._tile = tile
        self._mode = mode

    @property
    def min_size(self) -> int:
        """Smallest height and width of a picture."""
        return self.network.min_size

    def __call__(self, lq: Tensor) -> Tensor:
        """``(1, 3, H, W)`` to ``(1, 3, scale * H, scale * W)``."""
        memory = _free(lq.device) if self._memory is None else self._memory
        pixel = bytes_per_pixel(self.network)
        if self._mode == "exact" and not isinstance(self.network, Backbone):
            return self._whole(lq)
        tile = self._tile
        if tile is None:
            if lq.shape[-2] * lq.shape[-1] * pixel <= memory:
                try:
                    return self._whole(lq)
                except (MemoryError, RuntimeError) as error:
                    if not is_out_of_memory(error):
                        raise
                    _report("out of memory: going on in tiles")
            tile = self._side(memory / 2, pixel, max(lq.shape[-2:]))
        elif tile >= max(lq.shape[-2:]):
            return self._whole(lq)
        run = TileRun(tile, _report, lambda done, total: self.progress(done, total))
        store = MapStore(memory // 4, torch.device("cpu"))
        if self._mode == "exact":
            return restore_exactly(self.network, lq, run, store)
        return restore_independently(self._whole, lq, self.scale, run, store)

    def _side(self, memory: float, pixel: int, longest: int) -> int:
        halo = max(halos(self.network)) if isinstance(self.network, Backbone) else 16
        side = int(math.sqrt(memory / pixel)) - 2 * halo
        return max(_SMALLEST_TILE, min(side, _LARGEST_TILE, longest))


def bytes_per_pixel(network: nn.Module) -> int:
    """Estimate of what a network takes for one LR pixel, from above, in float32."""
    if not isinstance(network, Backbone):
        return 4 * 3 * 8 * network.scale**2
    maps = 8.0
    if network.aggregator is not None:
        maps += 4 * (network.aggregator.hr_scale or 1) ** 2
    if not network.compact:
        maps += 3 * network.scale**2
    return int(4 * network.stem.out_channels * maps)


def _free(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] * _SHARE)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(_LEAST, int(free * _SHARE))


def _report(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=2)
