"""How much memory there is, how much this process has, and sizes as users write them."""

import ctypes
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
_ACCELERATORS = ("cuda", "xpu", "mps")
_UNKNOWN = 2**32  # bytes taken as free where the system does not tell


def parse_memory(text: str) -> int:
    """Bytes of ``'4G'``, ``'512M'`` or ``'1000000'``.

    Raises:
        ValueError: It is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if not found or float(found[1]) <= 0:
        raise ValueError(f"memory={text!r} is no size; use a number such as 4G or 512M")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def format_memory(size: float) -> str:
    """Bytes for messages: ``'3.2 GiB'``, ``'180 MiB'``."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def used_memory(device: torch.device) -> int:
    """Bytes that this process holds: in an accelerator's tensors, else anonymous resident memory.

    The latter (Linux' ``RssAnon``) leaves out what is mapped from files, which the system takes
    back when it needs to. Systems other than Linux do not tell: 0.
    """
    if device.type in _ACCELERATORS:
        return _on_accelerator(device).used
    return _kilobytes(_PROC / "self/status", "RssAnon") or 0


def free_memory(device: torch.device) -> int:
    """Bytes this process could take in addition, on an accelerator or in machine or container."""
    if device.type in _ACCELERATORS:
        return _on_accelerator(device).free
    machine = _kilobytes(_PROC / "meminfo", "MemAvailable")
    container = _container_memory()
    known = [size for size in (machine, container) if size is not None]
    return min(known, default=_UNKNOWN)


def check_memory(memory: int, device: torch.device) -> None:
    """Raise where more memory is asked for than an accelerator has; the CPU's may be swapped.

    Raises:
        ValueError: Names what it has.
    """
    if device.type in _ACCELERATORS and memory > (total := _on_accelerator(device).total):
        raise ValueError(
            f"memory={format_memory(memory)} is more than {device} has: {format_memory(total)}"
        )


def release_memory(device: torch.device) -> None:
    """Give back what is freed but still held: by torch on an accelerator, else by glibc."""
    if device.type in _ACCELERATORS:
        torch.get_device_module(device).empty_cache()
        return
    trim = _trim()
    if trim is not None:
        trim(0)


@dataclass(frozen=True)
class _Accelerator:
    """Bytes of an accelerator: in this process's tensors, free for more of them, in all."""

    used: int
    free: int
    total: int


def _on_accelerator(device: torch.device) -> _Accelerator:
    module = torch.get_device_module(device)
    if device.type == "mps":  # shares the machine's; this much is recommended
        used, total = module.current_allocated_memory(), module.recommended_max_memory()
        return _Accelerator(used, total - used, total)
    used = module.memory_allocated(device)
    free, total = module.mem_get_info(device)
    return _Accelerator(used, free + module.memory_reserved(device) - used, total)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):  # another C library
        return None


def _container_memory() -> int | None:
    """What a control group's limit leaves, counting its file cache as free."""
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        cache = re.search(r"^inactive_file (\d+)", (_CGROUP / "memory.stat").read_text(), re.M)
    except (OSError, ValueError):  # no such group, or "max"
        return None
    return max(0, limit - used + (int(cache[1]) if cache else 0))


def _kilobytes(path: Path, key: str) -> int | None:
    try:
        found = re.search(rf"^{key}:\s+(\d+) kB", path.read_text(), re.M)
    except OSError:
        return None
    return int(found[1]) * 2**10 if found else None
