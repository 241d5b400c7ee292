"""Pictures larger than memory, with the result of the whole picture.

The interpreter of a network's program that goes over the picture tile by tile. A local step is
computed once a tile, on what the steps after it need of it; what looks at the whole picture gets
whole maps, which were stored tile by tile.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..models.checks import check_attention
from ..models.program import AttendStep, LocalStep, Map, Pass, Schedule, StatisticStep, Step, record
from ..models.reach import Axis
from ..models.steps import Network, Place
from ..ops.patches import Region
from .tiles import MapStore, TileRun, cut, inside, view

Span = tuple[int, int]
Box = tuple[Span, Span]  # rows and columns


def restore_exactly(
    network: Network,
    lq: Tensor,
    run: TileRun,
    store: MapStore,
    schedule: Schedule | None = None,
) -> Tensor:
    """``network(lq)``, to float rounding, in tiles; without gradient.

    Args:
        network: In eval mode.
        lq: ``(1, C, H, W)`` in [0, 1], on the network's device.
        run: Goes through the tiles.
        store: Holds the maps of the whole picture.
        schedule: The network's own, `program.record`, where it is there already.

    Returns:
        ``(1, C', scale * H, scale * W)``, from the store.

    Raises:
        TypeError: It is not known how far a step looks.
        ValueError: The picture does not fit the network, or is not single.
    """
    if len(lq) != 1:
        raise ValueError(f"one picture is tiled at a time, got {tuple(lq.shape)}")
    network.check(lq)
    padded = network.padded(lq)
    made = _InTiles(schedule or record(network), padded, run, store).run()
    height, width = (network.spec.scale * n for n in lq.shape[-2:])
    return made[..., :height, :width]


def area_ratio(schedule: Schedule, height: int, width: int, tile: int) -> float:
    """Pixels computed over pixels of the maps, mean of all steps: the least that tiles cost."""
    sizes = _sizes(schedule, height, width)
    computed = whole = 0.0
    for stage in schedule.passes:
        for region in cut(height, width, tile):
            boxes = _boxes(stage, _cores(stage, region, height, width, sizes), sizes)
            computed += sum(_area(box) / _pixels(sizes[step]) for step, box in boxes.items())
        whole += len(stage.steps)
    return computed / whole


def _area(box: Box) -> int:
    (top, bottom), (left, right) = box
    return (bottom - top) * (right - left)


def _pixels(size: tuple[int, int]) -> int:
    return size[0] * size[1]


class _InTiles:
    """One picture on its way through a network."""

    def __init__(self, schedule: Schedule, lq: Tensor, run: TileRun, store: MapStore) -> None:
        self.schedule = schedule
        self.device = lq.device
        self.tiles = run
        self.store = store
        self.height, self.width = lq.shape[-2:]
        self.sizes = _sizes(schedule, self.height, self.width)
        self.maps: dict[Map, Tensor] = {schedule.picture: lq}
        self.prepared: dict[Step, Any] = {}

    def run(self) -> Tensor:
        self.tiles.expect(len(self.schedule.passes) * self.height * self.width)
        for number, stage in enumerate(self.schedule.stages):
            if isinstance(stage, Pass):
                self._go_over(stage)
            elif isinstance(stage, StatisticStep):
                self.maps[stage.outputs[0]] = self._gather(stage)
            elif isinstance(stage, AttendStep):
                features, *guides = (self.maps[m] for m in stage.inputs)
                self.prepared[stage] = stage.module.prepare(
                    features, *guides, allocate=self.store.allocate
                )
                del features, guides
            else:
                assert isinstance(stage, LocalStep)
                self.maps[stage.outputs[0]] = stage.fn(*(self.maps[m] for m in stage.inputs))
            last = self.schedule.last_use
            self.maps = {m: x for m, x in self.maps.items() if last.get(m, -1) > number}
            self.prepared = {s: x for s, x in self.prepared.items() if last[s] > number}
        return self.maps[self.schedule.result]

    def _gather(self, step: StatisticStep) -> Tensor:
        x = self.maps[step.inputs[0]]
        height, width = x.shape[-2:]
        parts = []
        for region in cut(height, width, self.tiles.tile):
            part = view(x, region).to(self.device)
            parts.append(step.statistic.part(part, Place(region, height, width)))
        return step.statistic.join(parts).to(self.device, x.dtype)

    def _go_over(self, stage: Pass) -> None:
        def work(region: Region) -> None:
            cores = _cores(stage, region, self.height, self.width, self.sizes)
            self._compute(stage, cores, _boxes(stage, cores, self.sizes))

        self.tiles.over(self.height, self.width, work)

    def _compute(self, stage: Pass, cores: dict[Map, Box], boxes: dict[Step, Box]) -> None:
        """One tile: each step on the part of its maps that is needed."""
        made: dict[Map, tuple[Tensor, Box]] = {}
        last = {m: step for step in stage.steps for m in step.inputs}
        for step in stage.steps:
            box = boxes[step]
            inputs = [
                self.maps[m].to(self.device) if m.small else self._take(m, made, box)
                for m in step.inputs
            ]
            place = Place(_region(box), *self.sizes[step])
            results = self._call(step, inputs, place)
            del inputs
            for m in step.maps:
                if last[m] is step:
                    made.pop(m, None)
            for m, result in zip(step.outputs, results, strict=True):
                made[m] = result, _begun(m, box, result, step)
                if m in cores:
                    self._put(m, *made[m], cores[m])
                if m not in last:
                    del made[m]

    def _call(self, step: Step, inputs: Sequence[Tensor], place: Place) -> tuple[Tensor, ...]:
        if isinstance(step, LocalStep):
            return (step.fn(*inputs, place=place) if step.placed else step.fn(*inputs),)
        assert isinstance(step, AttendStep)
        results = step.module.attend(self.prepared[step], inputs[0], place)
        check_attention(step.module, results, inputs[0])
        return results if isinstance(results, tuple) else (results,)

    def _take(self, m: Map, made: dict[Map, tuple[Tensor, Box]], box: Box) -> Tensor:
        if m in made:
            x, own = made[m]
            return x if own == box else view(x, inside(_region(box), _region(own)))
        part = view(self.maps[m], _region(box)).to(self.device)
        return part.contiguous(memory_format=torch.channels_last)

    def _put(self, m: Map, x: Tensor, own: Box, core: Box) -> None:
        """Store a region of a map, which is made when its channels are known."""
        if m not in self.maps:
            # rows of pixels: a region then is a few long runs of the file
            shape = (1, *self.sizes[m], x.shape[1])
            self.maps[m] = self.store.allocate(shape, x.dtype).permute(0, 3, 1, 2)
        part = view(x, inside(_region(core), _region(own)))
        view(self.maps[m], _region(core)).copy_(part)


def _region(box: Box) -> Region:
    (top, bottom), (left, right) = box
    return Region(top, left, bottom - top, right - left)


def _sizes(schedule: Schedule, height: int, width: int) -> dict[Map | Step, tuple[int, int]]:
    """Height and width of every map, and of the maps that go into every step.

    Raises:
        ValueError: The maps of a step differ in size.
    """
    sizes: dict[Map | Step, tuple[int, int]] = {schedule.picture: (height, width)}
    for stage in schedule.passes:
        for step in stage.steps:
            given = {sizes[m] for m in step.maps}
            if len(given) != 1:
                raise ValueError(
                    f"{step.name}: the maps of one step have one size, got {sorted(given)}; a map "
                    "is enlarged or reduced in a step of its own"
                )
            rows, cols = sizes[step] = given.pop()
            for m in step.outputs:
                sizes[m] = m.reach.rows.size(rows), m.reach.cols.size(cols)
    return sizes


def _cores(
    stage: Pass, tile: Region, height: int, width: int, sizes: dict[Map | Step, tuple[int, int]]
) -> dict[Map, Box]:
    """What a tile of the picture is in each map that is stored; tiles cover a map once."""

    def span(start: int, stop: int, whole: int, length: int) -> Span:
        return start * length // whole, stop * length // whole

    return {
        m: (
            span(tile.top, tile.top + tile.height, height, sizes[m][0]),
            span(tile.left, tile.left + tile.width, width, sizes[m][1]),
        )
        for m in stage.stored
    }


def _boxes(
    stage: Pass, cores: dict[Map, Box], sizes: dict[Map | Step, tuple[int, int]]
) -> dict[Step, Box]:
    """The part of its maps that each step is given, so that the cores come out right."""
    wanted: dict[Map, Box] = dict(cores)
    boxes: dict[Step, Box] = {}
    for step in reversed(stage.steps):
        needed = [(m, wanted[m]) for m in step.outputs if m in wanted]
        rows, cols = (
            _hull(
                _needed(getattr(m.reach, axis), m.reach.align, box[number], sizes[step][number])
                for m, box in needed
            )
            for number, axis in enumerate(("rows", "cols"))
        )
        boxes[step] = rows, cols
        for m in step.maps:
            own = wanted.get(m)
            if own is None:
                wanted[m] = boxes[step]
            else:
                wanted[m] = _hull((own[0], rows)), _hull((own[1], cols))
    return boxes


def _needed(axis: Axis, align: int, span: Span, length: int) -> Span:
    """The inputs along one axis for a span of outputs: inside the map, begun where they may."""
    start, stop = axis.needs(*span) if span[1] > span[0] else (span[0], span[0] + 1)
    start = max(0, min(start, length - 1))
    multiple = math.lcm(axis.align, align)
    return start - start % multiple, min(max(stop, start + 1), length)


def _hull(spans: Iterable[Span]) -> Span:
    found = list(spans)
    return min(s[0] for s in found), max(s[1] for s in found)


def _begun(m: Map, box: Box, x: Tensor, step: Step) -> Box:
    """Where a result lies in its map."""
    scales = m.reach.rows.scale, m.reach.cols.scale
    starts = [int(span[0] * scale) for span, scale in zip(box, scales, strict=True)]
    expected = [
        axis.size(span[1] - span[0])
        for axis, span in zip((m.reach.rows, m.reach.cols), box, strict=True)
    ]
    if list(x.shape[-2:]) != expected:
        (top, bottom), (left, right) = box
        raise ValueError(
            f"{step.name} made {tuple(x.shape[-2:])} of {(bottom - top, right - left)}, where its "
            f"modules say {tuple(expected)}"
        )
    return (starts[0], starts[0] + expected[0]), (starts[1], starts[1] + expected[1])
