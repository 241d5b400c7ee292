"""A network's steps, recorded, and in which order they can be taken part by part.

`record` runs a network's program once, without numbers. What depends on the whole map divides it
into passes: a pass goes over the picture tile by tile and stores the maps that a later pass needs.
Nothing here depends on a picture, so a network is recorded once.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from .reach import Reach
from .spec import Outputs
from .steps import Attention, Network, Part, Statistic


@dataclass(eq=False)
class Map:
    """A map that a step makes; the picture if there is no step.

    Attributes:
        step: Which makes it.
        reach: What it depends on in the step's maps; its size over theirs.
        small: Whether it is a statistic or made of statistics, and not laid out over the picture.
    """

    step: Step | None = None
    reach: Reach = Reach()
    small: bool = False


@dataclass(eq=False)
class Step:
    """One step.

    Attributes:
        name: Where in the network it is, for messages.
        inputs: Maps, in the order in which they are given.
        outputs: Maps that it makes.
        whole: Whether it looks at whole maps before it makes its outputs.
    """

    name: str
    inputs: tuple[Map, ...]
    outputs: tuple[Map, ...] = ()
    whole = False

    @property
    def maps(self) -> tuple[Map, ...]:
        """The inputs that are laid out over the picture."""
        return tuple(m for m in self.inputs if not m.small)


@dataclass(eq=False)
class LocalStep(Step):
    """See `Whole.local`."""

    fn: Callable[..., Tensor] = nn.Identity()
    placed: bool = False


@dataclass(eq=False)
class StatisticStep(Step):
    """See `Whole.statistics`."""

    statistic: Statistic = field(default_factory=Statistic)
    whole = True


@dataclass(eq=False)
class AttendStep(Step):
    """See `Whole.attend`."""

    module: Attention = field(default_factory=Attention)
    whole = True


@dataclass(frozen=True, eq=False)
class Pass:
    """One way over the picture.

    Attributes:
        steps: Local steps, and the second halves of `Attention`, in order.
        stored: Maps that are kept whole.
    """

    steps: tuple[Step, ...]
    stored: tuple[Map, ...]


@dataclass(frozen=True, eq=False)
class Schedule:
    """What is done one after the other.

    Attributes:
        picture: The input.
        result: The network's result.
        stages: Passes; statistics, first halves of `Attention` and steps on small maps.
        last_use: For every map, the number of the last stage that needs it whole; for every
            `AttendStep`, that of the last pass that it is part of.
    """

    picture: Map
    result: Map
    stages: tuple[Pass | Step, ...]
    last_use: dict[Map | Step, int]

    @property
    def passes(self) -> tuple[Pass, ...]:
        return tuple(stage for stage in self.stages if isinstance(stage, Pass))

    @property
    def sees_whole_image(self) -> bool:
        """Whether a place of the result depends on the whole picture."""
        return any(isinstance(stage, Step) for stage in self.stages)


def record(network: Network) -> Schedule:
    """Record a network in evaluation.

    Raises:
        TypeError: It is not known how far one of its steps looks; the step is named.
    """
    names = {module: name for name, module in network.named_modules()}
    recorder = _Recorder(type(network).__name__, names)
    picture = Map()
    result = network.run(picture, recorder)
    if isinstance(result, Outputs):
        result = result.sr
    return _schedule(picture, result)


class _Recorder:
    """The interpreter that notes steps."""

    def __init__(self, network: str, names: dict[nn.Module, str]) -> None:
        self._network = network
        self._names = names

    def local(
        self,
        fn: Callable[..., Tensor],
        *maps: Map,
        through: Sequence[nn.Module | Reach] | None = None,
        placed: bool = False,
    ) -> Any:
        if isinstance(fn, Part):
            return fn.run(*maps, go=self)
        name = self._name(fn)
        if through is None:
            if not isinstance(fn, nn.Module):
                raise TypeError(
                    f"{name}: a step that is no module says what it passes: through=(module, ...), "
                    "or through=() where it is pointwise"
                )
            through = (fn,)
        try:
            reach = Reach.of(*through)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from error
        step = LocalStep(name, maps, fn=_frozen(fn), placed=placed)
        step.outputs = (Map(step, reach, all(m.small for m in maps)),)
        return step.outputs[0]

    def attend(self, module: Attention, *maps: Map) -> Any:
        step = AttendStep(self._name(module), maps, module=module)
        step.outputs = tuple(
            Map(step, module.reach.then(Reach.within(0, scale))) for scale in module.scales
        )
        return step.outputs if len(step.outputs) > 1 else step.outputs[0]

    def statistics(self, statistic: Statistic, x: Map) -> Map:
        step = StatisticStep(self._name(statistic), (x,), statistic=statistic)
        step.outputs = (Map(step, small=True),)
        return step.outputs[0]

    def _name(self, fn: Any) -> str:
        owner = getattr(fn, "func", fn)
        if isinstance(owner, nn.Module):
            told = self._names.get(owner) or type(owner).__name__
        else:
            told = getattr(owner, "__qualname__", type(owner).__name__).replace(".<locals>", "")
        return f"{self._network}, step {told}"


def _frozen(fn: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function as it is now: variables of a loop that it uses may change before it is called."""
    if not isinstance(fn, types.FunctionType) or not fn.__closure__:
        return fn
    cells = tuple(types.CellType(cell.cell_contents) for cell in fn.__closure__)
    copy = types.FunctionType(fn.__code__, fn.__globals__, fn.__name__, fn.__defaults__, cells)
    copy.__kwdefaults__ = fn.__kwdefaults__
    return copy


def _schedule(picture: Map, result: Map) -> Schedule:
    steps = _ancestors([result], set())
    consumers: dict[Map, list[Step]] = {}
    for step in steps:
        for m in step.inputs:
            consumers.setdefault(m, []).append(step)
    stored, done = {picture}, set[Step]()
    stages: list[Pass | Step] = []

    def go_over(targets: Iterable[Map]) -> None:
        """Pass that store the targets, and what later passes need of the maps in between."""
        wanted = set(targets)
        taken = _ancestors(wanted, stored)
        for m in _needed_later(taken, picture, consumers, done):
            if m in wanted:
                continue
            before = set(_ancestors([m], stored))
            inner = {o for step in before for o in step.outputs if o is not m}
            if all(c in before for o in inner for c in consumers.get(o, [])):
                # a pass of its own: what it is made of is let go before the next map is stored
                go_over([m])
                go_over(wanted)
                return
            wanted.add(m)
        stages.append(Pass(tuple(taken), tuple(m for s in taken for m in s.outputs if m in wanted)))
        stored.update(wanted)

    for step in steps:
        is_small = not step.whole and all(m.small for m in step.outputs)
        if step.whole or is_small:
            missing = [m for m in step.maps if m not in stored]
            if missing:
                go_over(missing)
            stages.append(step)
            if not isinstance(step, AttendStep):
                stored.update(step.outputs)
                done.add(step)
        elif all(m in stored for m in step.outputs):
            done.add(step)
    if result not in stored:
        go_over([result])
    return Schedule(picture, result, tuple(stages), _last_use(stages, result))


def _needed_later(
    taken: Sequence[Step], picture: Map, consumers: dict[Map, list[Step]], done: set[Step]
) -> list[Map]:
    """Maps that some steps make and that others need as well.

    Those made straight from the picture are left out: they are made anew, which takes no memory.
    """
    own = set(taken)
    return [
        m
        for step in taken
        if not all(given is picture for given in step.maps)
        for m in step.outputs
        if any(c not in own and c not in done for c in consumers.get(m, []))
    ]


def _ancestors(targets: Iterable[Map], stored: set[Map]) -> list[Step]:
    """The steps that make the targets of stored maps, in order."""
    found: dict[Step, None] = {}
    waiting: list[tuple[Step, bool]] = []

    def need(maps: Iterable[Map]) -> None:
        waiting.extend((m.step, False) for m in maps if m.step is not None and m not in stored)

    need(targets)
    while waiting:
        step, visited = waiting.pop()
        if visited:
            found[step] = None
        elif step not in found:
            waiting.append((step, True))
            need(step.inputs)
    return list(found)


def _last_use(stages: Sequence[Pass | Step], result: Map) -> dict[Map | Step, int]:
    used: dict[Map | Step, int] = {}
    for number, stage in enumerate(stages):
        for step in stage.steps if isinstance(stage, Pass) else (stage,):
            used[step] = number
            for m in step.inputs:
                used[m] = number
    used[result] = len(stages)
    return used
