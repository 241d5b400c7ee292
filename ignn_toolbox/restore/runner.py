"""One network as a callable for pictures of any size: whole where memory allows, else in tiles."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..models.program import Pass
from ..models.spec import NetworkSpec
from ..models.steps import Attention, Network, Part, Statistic, Whole
from .exact import restore_exactly
from .independent import deviation, restore_independently
from .memory import check_memory, format_memory, free_memory, used_memory
from .planner import SMALLEST_TILE, TileMode, TilePlan, TilePlanner
from .tiles import MapStore, TileRun, is_out_of_memory

Progress = Callable[[int, int], None]

_SHARE = 0.5  # of the free memory, when no budget is given


class TiledRestorer:
    """Restores pictures of any size with one network.

    Args:
        network: In eval mode.
        whole: What runs a picture that fits, ``network`` or its compiled form.
        memory: Budget in bytes for all that the process holds (on the CPU its anonymous resident
            memory, on a GPU its tensors there); half of the free memory more when ``None``.
        tile: Side of a tile in LR pixels; chosen by the budget when ``None``.
        mode: ``'exact'`` gives the result of the whole picture, ``'independent'`` restores the
            tiles one by one and blends them.
        report_deviation: Restore in exact tiles too and report how far independent ones are off.
        passes: How many calls make one picture, as the self-ensemble's eight do; for progress.

    Attributes:
        progress: Called with (done, in all) after every tile, in pixels, or, where a picture goes
            in one piece, after every step of the network.
        report: Called with messages: smaller tiles after running out of memory, the deviation.
        planner: Chooses the tiles.
    """

    def __init__(
        self,
        network: Network,
        whole: Callable[[Tensor], Tensor],
        memory: int | None = None,
        tile: int | None = None,
        mode: TileMode = "exact",
        report_deviation: bool = False,
        passes: int = 1,
    ) -> None:
        if mode not in ("exact", "independent"):
            raise ValueError(f"tile_mode must be 'exact' or 'independent', got {mode!r}")
        if report_deviation and mode == "exact":
            raise ValueError("report_deviation compares independent tiles: tile_mode='independent'")
        if tile is not None and tile < SMALLEST_TILE:
            raise ValueError(f"tile={tile} is too small; use at least {SMALLEST_TILE} pixels")
        if memory is not None and memory <= 0:
            raise ValueError(f"memory={memory} bytes must be positive")
        self.network = network
        self.spec: NetworkSpec = network.spec
        self.progress: Progress = lambda done, total: None
        self.report: Callable[[str], None] = warn
        self.planner = TilePlanner(network, mode)
        self._whole = whole
        self._memory = memory
        self._tile = tile
        self._mode = mode
        self._report_deviation = report_deviation
        self._passes = passes
        self._passed = 0

    def __call__(self, lq: Tensor) -> Tensor:
        """``(1, C, H, W)`` to ``(1, C', scale * H, scale * W)``."""
        try:
            restored = self._restore(lq.contiguous(memory_format=torch.channels_last))
        except BaseException:
            self._passed = 0
            raise
        self._passed = (self._passed + 1) % self._passes
        return restored

    def _restore(self, lq: Tensor) -> Tensor:
        height, width = lq.shape[-2:]
        memory, host_memory = self._budgets(lq.device)
        if self._tile is not None:
            if self._tile >= max(height, width):
                return self._in_one_piece(lq)
            return self._in_tiles(
                lq, self.planner.plan_tile(height, width, self._tile, host_memory, memory)
            )
        plan = self.planner.choose(height, width, memory, host_memory)
        if plan.tile is None:
            try:
                return self._in_one_piece(lq)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            self.report("out of memory: going on in tiles")
            plan = self.planner.choose_tile(height, width, memory // 2, host_memory // 2)
        elif plan.peak > memory:
            self.report(
                f"the memory budget leaves {format_memory(max(memory, 0))} beside the program, the "
                f"model and the picture, and the smallest tile takes {format_memory(plan.peak)}: "
                "going on above the budget"
            )
        return self._in_tiles(lq, plan)

    def _in_one_piece(self, lq: Tensor) -> Tensor:
        if self._whole is self.network and self._steps is not None:
            self.network.check(lq)
            restored: Any = self.network.through(lq, _Told(self._tell, self._steps))
        else:
            restored = self._whole(lq)
            self._tell(1, 1)
        if self._report_deviation:
            self.report("restored in one piece, which is exact")
        return restored

    @functools.cached_property
    def _steps(self) -> int | None:
        """How many steps the network takes, if that is known."""
        if self.network.overlaps_where_unknown:
            return None  # one step, and costly to look into
        try:
            stages = self.planner.schedule.stages
        except Exception:  # a program that only runs whole, such as one that takes no steps
            return None
        steps = {
            s for stage in stages for s in (stage.steps if isinstance(stage, Pass) else [stage])
        }
        return len(steps)

    def _in_tiles(self, lq: Tensor, plan: TilePlan) -> Tensor:
        assert plan.tile is not None
        run = TileRun(plan.tile, self.report, self._tell, lq.device)
        home = lq.device if plan.on_device else torch.device("cpu")
        store = MapStore(plan.stored if plan.in_memory else 0, home)
        mode = self.planner.mode
        if mode != self._mode:
            self.report(
                f"tiles of {plan.tile} pixels overlap: it is not known how far this network looks, "
                "so their numbers are not quite those of the whole picture"
            )
        if mode == "exact":
            return restore_exactly(self.network, lq, run, store, self.planner.schedule)
        restored = restore_independently(self._whole, lq, self.spec.scale, run, store)
        if self._report_deviation:
            again = TileRun(run.tile, self.report, device=lq.device)
            exact = restore_exactly(self.network, lq, again, store, self.planner.schedule)
            off = deviation(restored, exact)
            self.report(f"independent tiles of {run.tile} pixels: {off}")
        return restored

    def _budgets(self, device: torch.device) -> tuple[int, int]:
        """Bytes that may still be taken: where the network computes, and in the own memory."""
        host = torch.device("cpu")
        if self._memory is None:
            return int(_SHARE * free_memory(device)), int(_SHARE * free_memory(host))
        check_memory(self._memory, device)
        left = self._memory - used_memory(device)
        return left, left if device.type == "cpu" else int(_SHARE * free_memory(host))

    def _tell(self, done: int, total: int) -> None:
        self.progress(self._passed * total + done, self._passes * total)


class _Told(Whole):
    """The plain interpreter, which tells after every step.

    Args:
        tell: Called with (steps done, steps in all).
        steps: In all.
    """

    def __init__(self, tell: Progress, steps: int) -> None:
        super().__init__()
        self._tell = tell
        self._done, self._steps = 0, steps

    def local(self, fn: Callable[..., Tensor], *maps: Any, **options: Any) -> Any:
        if isinstance(fn, Part):
            return fn.run(*maps, go=self)
        return self._next(super().local(fn, *maps, **options))

    def attend(self, module: Attention, *maps: Any) -> Any:
        return self._next(super().attend(module, *maps))

    def statistics(self, statistic: Statistic, x: Any) -> Any:
        return self._next(super().statistics(statistic, x))

    def _next(self, result: Any) -> Any:
        self._done += 1
        self._tell(self._done, self._steps)
        return result


def warn(message: str) -> None:
    """A warning that names no line of code: it is meant for who runs the program."""
    warnings.warn(message, UserWarning, stacklevel=2)
