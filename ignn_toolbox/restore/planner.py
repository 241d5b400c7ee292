"""The largest tile that a memory budget allows, found by dry runs of the very code that tiles."""

import bisect
import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..devices import device_of
from ..models.program import Schedule, record
from ..models.steps import Network
from ..ops.patches import Region
from .dry_run import DryRun, fake_tensors
from .exact import restore_exactly
from .independent import restore_independently
from .tiles import MapStore, TileRun, cut, grow

TileMode = Literal["exact", "independent"]

SMALLEST_TILE = 16
_SIDES = tuple(round(SMALLEST_TILE * 2 ** (step / 8)) for step in range(65))  # that are tried
_EDGE = 64  # pixels around a tile by which the largest one is told
_ROUNDED_BELOW = 512  # pixels a side: smaller pictures share plans
# Bytes a pixel, several times what the largest network takes; where these are free, a dry run would
# only delay the first picture.
_AMPLE = 2**16
# Measured peaks are up to a quarter above the dry run's: the heap holds other things as well.
_MARGIN = 1.25
_AMPLE_TILE = 128  # pixels a side from which larger tiles gain little
_UNBOUNDED = 2**62


@dataclass(frozen=True)
class TilePlan:
    """What a picture takes, beside the network and the picture itself.

    Attributes:
        tile: Side of a tile in LR pixels; ``None`` restores the picture in one piece.
        peak: Most bytes at a time where the network computes.
        stored: Bytes of maps of the whole picture, at most at a time.
        in_memory: Whether these are in memory or in temporary files.
        on_device: Whether they are where the network computes, and part of ``peak``, as they always
            are when that is the CPU and they are in memory.
    """

    tile: int | None
    peak: int
    stored: int = 0
    in_memory: bool = False
    on_device: bool = False


class TilePlanner:
    """Plans pictures for one network; remembers what it has found.

    Args:
        network: In eval mode, on the device that computes.
        mode: How tiles are restored.

    Attributes:
        apart: Whether the network computes in another memory than the computer's own.
    """

    def __init__(self, network: Network, mode: TileMode = "exact") -> None:
        self.apart = device_of(network).type != "cpu"
        self._network = network
        self._asked = mode
        self._lock = threading.RLock()  # fake tensors of two plans must not meet
        self._whole = functools.lru_cache(64)(self._run_whole)
        self._tiles = functools.lru_cache(64)(self._run_tiled)

    @functools.cached_property
    def schedule(self) -> Schedule:
        """The network's steps.

        Raises:
            TypeError: It is not known how far one of them looks.
        """
        return record(self._network)

    @functools.cached_property
    def mode(self) -> TileMode:
        """How tiles are restored: as asked, but independent where exact ones cannot be."""
        if self._asked == "exact" and self._network.overlaps_where_unknown:
            try:
                self.schedule  # noqa: B018  # whether there is one
            except TypeError:
                return "independent"
        return self._asked

    @functools.cached_property
    def _fake(self) -> Any:
        return fake_tensors()  # made on need: it imports the compiler, most of a second

    def choose(self, height: int, width: int, memory: int, host_memory: int) -> TilePlan:
        """In one piece if that fits, else in the largest tiles that do.

        Args:
            height: Of the picture.
            width: Of the picture.
            memory: Bytes that may be taken, where the network computes.
            host_memory: Bytes that may be taken in the computer's own memory.

        Returns:
            The plan; its peak exceeds ``memory`` only if that of the smallest tile does.
        """
        with self._lock:
            if self.fits_whole(height, width, memory):
                return TilePlan(None, memory)
            return self.choose_tile(height, width, memory, host_memory)

    def fits_whole(self, height: int, width: int, memory: int) -> bool:
        """Whether a picture can be restored in one piece."""
        first = next((m for m in self._network.modules() if isinstance(m, nn.Conv2d)), None)
        if first is not None and 4 * first.out_channels * height * width > memory:
            return False  # spares a long dry run: one map is too much already
        if _AMPLE * height * width <= memory:
            return True
        rounded = 1 << (max(height, width) - 1).bit_length()
        if rounded <= _ROUNDED_BELOW and self._whole(rounded, rounded) <= memory:
            return True
        return self._whole(height, width) <= memory

    def choose_tile(self, height: int, width: int, memory: int, host_memory: int) -> TilePlan:
        """The largest tile that fits, see `choose`."""
        sides = [side for side in _SIDES if side < max(height, width)] or [SMALLEST_TILE]

        def largest(host_memory: int, device_memory: int) -> TilePlan:
            def peak(side: int) -> int:
                return self.plan_tile(height, width, side, host_memory, device_memory).peak

            fitting = bisect.bisect_right(sides, memory, key=peak)
            side = sides[max(0, fitting - 1)]
            return self.plan_tile(height, width, side, host_memory, device_memory)

        with self._lock:
            if self.apart:
                plan = largest(host_memory, _UNBOUNDED)
                if plan.peak <= memory and (plan.tile or 0) >= min(_AMPLE_TILE, sides[-1]):
                    return plan  # all on the device; else the maps make room for larger tiles
            return largest(host_memory, 0)

    def plan_tile(
        self, height: int, width: int, tile: int, host_memory: int, device_memory: int = 0
    ) -> TilePlan:
        """The plan of a given tile.

        Args:
            height: Of the picture.
            width: Of the picture.
            tile: Side of the tile.
            host_memory: As in `choose`.
            device_memory: Bytes that maps and work may take together where the network computes,
                if that is `apart`.
        """
        with self._lock:
            peak, stored = self._tiles(height, width, tile)
        if self.apart and peak + stored <= device_memory:
            return TilePlan(tile, peak + stored, stored, in_memory=True, on_device=True)
        in_memory = stored <= host_memory // 4
        if self.apart:
            return TilePlan(tile, peak, stored, in_memory)
        return TilePlan(tile, peak + stored if in_memory else peak, stored, in_memory, in_memory)

    def _run_whole(self, height: int, width: int) -> int:
        run = DryRun()
        with _dry(self._fake, run):
            self._network(_picture(self._network, height, width))
        return int(_MARGIN * max(run.peaks.values()))

    def _run_tiled(self, height: int, width: int, tile: int) -> tuple[int, int]:
        """Most bytes beside the maps of the whole picture, and most bytes of those."""
        run, network = DryRun(), self._network
        store, tiles = _DryStore(run), _OneTile(tile)
        schedule = self.schedule if self.mode == "exact" else None  # looked for outside the dry run
        with _dry(self._fake, run):
            with run.uncounted():
                lq = _picture(network, height, width)
            if schedule is not None:
                restore_exactly(network, lq, tiles, store, schedule)
            else:
                restore_independently(network, lq, network.spec.scale, tiles, store)
        return int(_MARGIN * max(run.peaks.values())), store.most


def _picture(network: Network, height: int, width: int) -> Tensor:
    shape = (1, network.spec.channels[0], height, width)
    picture = torch.empty(shape, device=device_of(network))
    return picture.contiguous(memory_format=torch.channels_last)


@contextlib.contextmanager
def _dry(fake: Any, run: DryRun) -> Iterator[None]:
    with torch.inference_mode(False), torch.no_grad(), fake, run:
        yield


class _OneTile(TileRun):
    """Visits the largest tile only."""

    def __init__(self, tile: int) -> None:
        super().__init__(tile, lambda message: None)

    def over(self, height: int, width: int, work: Callable[[Region], None]) -> None:
        def pixels(region: Region) -> int:
            grown = grow(region, _EDGE, height, width)
            return grown.height * grown.width

        work(max(cut(height, width, self.tile), key=pixels))


class _DryStore(MapStore):
    """Notes the bytes of maps: in memory or not is decided when they are known.

    Attributes:
        most: Bytes of the maps that exist at a time, at most.
    """

    def __init__(self, run: DryRun) -> None:
        super().__init__(0, torch.device("cpu"))
        self.most = 0
        self._run = run

    def _new(self, shape: tuple[int, ...], dtype: torch.dtype, size: int) -> Tensor:
        self.most = max(self.most, self.held)
        with self._run.uncounted():
            return torch.empty(shape, dtype=dtype)
