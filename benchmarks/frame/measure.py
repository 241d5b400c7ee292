"""Wall time, processor time and peak memory of one call in this process."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Measurement:
    """One call.

    Attributes:
        wall: Seconds.
        cpu: Processor seconds of all threads.
        peak: Most resident bytes above those before the first measured call; ``None`` where the
            system does not tell.
    """

    wall: float
    cpu: float
    peak: int | None


def can_measure_peak() -> bool:
    """Whether this system tells and resets the peak of resident memory (Linux)."""
    try:
        _reset_peak()
        return "VmHWM" in _STATUS.read_text()
    except OSError:
        return False


def resident_bytes() -> int:
    """Resident memory after giving back what the allocator holds free."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return _status("VmRSS")


def measure(call: Callable[[], object], base: int | None) -> Measurement:
    """Run ``call`` once.

    Args:
        call: What to measure; its result is dropped after the clock has stopped.
        base: `resident_bytes` to compare the peak with, ``None`` where it cannot be measured.
    """
    if base is not None:
        _reset_peak()
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = None if base is None else _status("VmHWM") - base
    del result
    return Measurement(wall, cpu, peak)


def _reset_peak() -> None:
    _CLEAR_REFS.write_text("5")


def _status(key: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{_STATUS} does not tell {key}")
