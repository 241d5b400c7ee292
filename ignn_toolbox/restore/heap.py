"""How many bytes a sequence of allocations keeps resident: a model of glibc's allocator.

Freed memory is not given back at once: small blocks leave holes in the heap that larger ones do not
fit into. Networks allocate maps of a few sizes in a fixed order, so that the holes can be told
beforehand.
"""

from __future__ import annotations

from bisect import bisect_left, insort

_LEAST_MAPPED = 128 * 2**10  # blocks from this size on are mapped on their own and given back...
_MOST_MAPPED = 32 * 2**20  # ... a limit that grows to the size of every block freed, up to this


class Heap:
    """Best fit with coalescing, a growing limit of mapped blocks, and trimming of the top.

    Attributes:
        resident: Bytes that the process holds now: mapped blocks, and the heap with its holes.
    """

    def __init__(self) -> None:
        self._mapped_from = _LEAST_MAPPED
        self._mapped = 0
        self._end = 0
        self._holes: list[tuple[int, int]] = []  # (start, size), by start; none touches another
        self._blocks: dict[int, tuple[int, int]] = {}  # number: (start, or -1 if mapped; size)
        self._count = 0

    @property
    def resident(self) -> int:
        return self._mapped + self._end

    def allocate(self, size: int) -> int:
        """A block of ``size`` bytes; its number, to free it with."""
        self._count += 1
        if size >= self._mapped_from:
            self._mapped += size
            self._blocks[self._count] = (-1, size)
        else:
            self._blocks[self._count] = (self._place(size), size)
        return self._count

    def free(self, number: int) -> None:
        start, size = self._blocks.pop(number)
        if start < 0:
            self._mapped -= size
            if size <= _MOST_MAPPED:
                self._mapped_from = max(self._mapped_from, size + 1)
            return
        place = bisect_left(self._holes, (start, 0))
        if place < len(self._holes) and self._holes[place][0] == start + size:
            size += self._holes.pop(place)[1]
        if place > 0 and sum(self._holes[place - 1]) == start:
            before, length = self._holes.pop(place - 1)
            start, size = before, length + size
        if start + size == self._end and size >= 2 * self._mapped_from:
            self._end = start
        elif size:
            insort(self._holes, (start, size))

    def _place(self, size: int) -> int:
        fitting = [(length, start) for start, length in self._holes if length >= size]
        if fitting:
            length, start = min(fitting)
            self._holes.remove((start, length))
            if length > size:
                insort(self._holes, (start + size, length - size))
            return start
        if self._holes and sum(self._holes[-1]) == self._end:  # the top is free: only the rest
            start, _ = self._holes.pop()
        else:
            start = self._end
        self._end = start + size
        return start
