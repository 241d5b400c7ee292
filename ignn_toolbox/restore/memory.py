"""How much memory there is, how much this process has, and sizes as users write them."""

import ctypes
import functools
import re
from collections.abc import Callable
from pathlib import Path

import torch

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
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
    """Bytes that this process holds: on a GPU in tensors, else its anonymous resident memory.

    The latter (Linux' ``RssAnon``) leaves out what is mapped from files, which the system takes
    back when it needs to. Systems other than Linux do not tell: 0.
    """
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return _kilobytes(_PROC / "self/status", "RssAnon") or 0


def free_memory(device: torch.device) -> int:
    """Bytes that this process could take in addition, on a GPU or in the machine or container."""
    if device.type == "cuda":
        reusable = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + reusable
    machine = _kilobytes(_PROC / "meminfo", "MemAvailable")
    container = _container_memory()
    known = [size for size in (machine, container) if size is not None]
    return min(known, default=_UNKNOWN)


def release_memory() -> None:
    """Give the system back what is freed but still held by the C library's allocator (glibc)."""
    trim = _trim()
    if trim is not None:
        trim(0)


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
