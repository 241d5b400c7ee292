"""Cutting a picture into tiles, and maps of the whole picture beside them."""

import errno
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..ops.patches import Region
from .memory import format_memory, release_memory

_SMALLEST = 8  # LR pixels of the smallest tile that is tried
_SMALL = 2**20  # bytes of a map that is not worth a file


def cut(height: int, width: int, tile: int) -> list[Region]:
    """Tiles of nearly equal size, at most ``tile`` a side, that cover a picture once."""
    return [
        Region(top, left, bottom - top, right - left)
        for top, bottom in _spans(height, tile)
        for left, right in _spans(width, tile)
    ]


def grow(region: Region, halo: int, height: int, width: int, alignment: int = 1) -> Region:
    """The region and ``halo`` pixels around it, inside the picture, top left corner aligned."""
    top, left = (
        max(0, start - halo) // alignment * alignment for start in (region.top, region.left)
    )
    bottom = min(height, region.top + region.height + halo)
    right = min(width, region.left + region.width + halo)
    return Region(top, left, bottom - top, right - left)


def view(maps: Tensor, region: Region, scale: int = 1) -> Tensor:
    """A region of ``(N, C, scale * H, scale * W)`` maps."""
    top, left = region.top * scale, region.left * scale
    return maps[..., top : top + region.height * scale, left : left + region.width * scale]


def inside(region: Region, outer: Region) -> Region:
    """The place of a region relative to one that holds it."""
    return Region(region.top - outer.top, region.left - outer.left, region.height, region.width)


class MapStore:
    """Makes maps of a whole picture: in memory up to a limit, beyond it in temporary files.

    The files lie where Python puts temporary files (``TMPDIR``), have no name and go with their
    tensor. Their pages in memory are the system's to take back.

    Args:
        limit: Bytes of all maps together that are kept in memory.
        device: Where those in memory are.

    Attributes:
        held: Bytes of all maps that exist now.
    """

    def __init__(self, limit: int, device: torch.device) -> None:
        self.held = 0
        self._limit = limit
        self._device = device

    def allocate(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """A new tensor of zeros.

        Raises:
            OSError: The disk has no room for its file.
        """
        size = torch.Size(shape).numel() * dtype.itemsize
        self.held += size
        made = self._new(shape, dtype, size)
        weakref.finalize(made.untyped_storage(), self._forget, size)
        return made

    def _new(self, shape: tuple[int, ...], dtype: torch.dtype, size: int) -> Tensor:
        if self.held <= self._limit or size <= _SMALL:
            return torch.zeros(shape, dtype=dtype, device=self._device)
        return _map_file(size, dtype).view(shape)

    def _forget(self, size: int) -> None:
        self.held -= size


def _map_file(size: int, dtype: torch.dtype) -> Tensor:
    """``size`` bytes of zeros, backed by a file whose room on the disk is reserved."""
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    try:
        if size > free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with tempfile.NamedTemporaryFile(prefix="ignn_", dir=folder) as file:
            # without its room reserved, a full disk would end the process at some later write
            os.posix_fallocate(file.fileno(), 0, size)
            count = size // dtype.itemsize
            return torch.from_file(file.name, shared=True, size=count, dtype=dtype)
    except OSError as error:
        raise OSError(
            error.errno,
            f"a map of this picture takes {format_memory(size)}, which do not fit into memory, and "
            f"{folder} has {format_memory(free)} free ({error.strerror}): raise --memory, or let "
            "TMPDIR name a folder with more room",
        ) from error


class TileRun:
    """Does work tile by tile; smaller ones when memory runs out.

    Args:
        tile: Side of a tile in LR pixels; becomes smaller when memory runs out.
        report: Called with a message when it does.
        progress: Called with (pixels done, pixels in all).
        device: Where the work is done.
    """

    def __init__(
        self,
        tile: int,
        report: Callable[[str], None],
        progress: Callable[[int, int], None] = lambda done, total: None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.tile = tile
        self._device = torch.device(device)
        self._report = report
        self._progress = progress
        self._done = self._total = 0

    def expect(self, pixels: int) -> None:
        """Announce how many pixels all passes together will do."""
        self._total += pixels

    def over(self, height: int, width: int, work: Callable[[Region], None]) -> None:
        """Call ``work`` for every tile of a picture; it may be called again for parts of one.

        Raises:
            MemoryError: It does not even suffice for a tile of 8 pixels.
        """
        waiting = cut(height, width, self.tile)[::-1]
        while waiting:
            if self._device.type == "cpu":
                # tiles of several sizes would leave more and more holes in the heap
                release_memory(self._device)
            region = waiting.pop()
            try:
                work(region)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                waiting += self._halve(region, error)
                continue
            self._done += region.height * region.width
            self._progress(self._done, max(self._done, self._total))

    def _halve(self, region: Region, error: Exception) -> list[Region]:
        tile = max(region.height, region.width) // 2
        if tile < _SMALLEST:
            raise MemoryError(
                f"memory does not suffice for a tile of {region.width}x{region.height} pixels; "
                "use a smaller model or a machine with more memory"
            ) from error
        if tile < self.tile:
            self.tile = tile
            self._report(f"out of memory: going on with tiles of {tile} pixels")
        release_memory(self._device)
        parts = cut(region.height, region.width, tile)
        return [
            Region(region.top + p.top, region.left + p.left, p.height, p.width) for p in parts[::-1]
        ]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is one of the several ways in which torch and Python say so."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "not enough memory" in text or "can't allocate memory" in text
    )


def _spans(length: int, tile: int) -> Iterator[tuple[int, int]]:
    count = -(-length // tile)
    edges = [round(i * length / count) for i in range(count + 1)]
    yield from zip(edges[:-1], edges[1:], strict=True)
