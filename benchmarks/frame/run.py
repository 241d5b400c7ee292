"""Measures all variants of a case in turn."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from .cases import Case
from .measure import Measurement
from .worker import Worker


@dataclass(frozen=True)
class CaseResult:
    """Measurements of a case, by variant, in the order in which they were made."""

    case: Case
    measurements: dict[str, list[Measurement]]

    def wall(self, variant: str) -> float:
        """Median seconds."""
        return statistics.median(m.wall for m in self.measurements[variant])

    def cpu(self, variant: str) -> float:
        """Median processor seconds."""
        return statistics.median(m.cpu for m in self.measurements[variant])

    def peak(self, variant: str) -> int | None:
        """Largest peak in bytes, ``None`` where it cannot be measured."""
        peaks = [m.peak for m in self.measurements[variant] if m.peak is not None]
        return max(peaks) if peaks else None


def run_case(
    case: Case,
    threads: int,
    repeats: int | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> CaseResult:
    """Measure a case.

    Args:
        case: From `find_case`.
        threads: Threads of torch in every process.
        repeats: Measured calls of each variant; the case's own number when ``None``.
        progress: Is told what happens now.

    Raises:
        RuntimeError: A variant failed; with its traceback.
    """
    repeats = repeats or case.repeats
    results: dict[str, list[Measurement]] = {name: [] for name in case.variants}
    with contextlib.ExitStack() as stack:
        workers = {}
        for name, variant in case.variants.items():
            progress(f"{case.name}: warm-up of {name}")
            workers[name] = stack.enter_context(
                Worker(f"{case.name}, {name}", variant.build, threads)
            )
            workers[name].wait_until_ready()
        for turn in range(repeats):
            for name, worker in workers.items():
                progress(f"{case.name}: {name}, {turn + 1} of {repeats}")
                results[name].append(worker.run())
    return CaseResult(case, results)
