"""Files: written whole or not at all, locked, told apart by their digests; names and their nearest.

The ground floor: imports nothing of this package.
"""

from __future__ import annotations

import contextlib
import difflib
import glob
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

_BLOCK = 2**20


class LockedError(OSError):
    """A lock that another process holds."""


@contextlib.contextmanager
def write_whole(
    path: str | Path, *, durable: bool = False, make_folders: bool = True
) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, which is renamed to it when the block has ended well.

    Whatever happens in between, ``path`` holds either what it held before or the whole new content.
    What is written may be a folder, if ``path`` is none yet.

    The temporary name does not contain the file's: it is short where that is as long as a name may
    be, and the same for the same file but for its last part, so that what a killed process left can
    be found (`remove_partial`).

    Args:
        path: The file.
        durable: Wait until the content is on the disk, so that a power cut cannot lose it.
        make_folders: Make the folders above it as needed.

    Raises:
        OSError: The disk is full or the folder not writable; nothing is left behind.
    """
    path = Path(path)
    if make_folders:
        path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{_prefix(path)}{secrets.token_hex(4)}.part")
    try:
        yield partial
        if durable:
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        _remove(partial)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file whole or not at all, making folders as needed."""
    with write_whole(path) as partial:
        partial.write_bytes(data)


def remove_partial(path: str | Path) -> None:
    """Remove what killed processes left half-written of a file."""
    path = Path(path)
    for left in path.parent.glob(f"{glob.escape(_prefix(path))}????????.part"):
        _remove(left)


def remove_all_partial(folder: str | Path) -> None:
    """Remove what killed processes left half-written of any file in a folder that is one's own."""
    for left in Path(folder).glob(".????????.????????.part"):
        _remove(left)


@contextlib.contextmanager
def locked(path: str | Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock between processes, also of several machines where their file system can.

    Args:
        path: The lock's file. It stays, empty: removing it could let two processes in.
        wait: Wait until the lock is free, rather than fail.

    Raises:
        LockedError: Another process holds it, and ``wait`` is not set.
    """
    import filelock

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(str(path), timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise LockedError(f"another process holds {path}") from None
    try:
        yield
    finally:
        lock.release()


def sha256(path: str | Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits; a block is read at a time."""
    found = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def nearest(name: str, known: Iterable[str], most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return the known names that are most alike a name, the nearest first; none if none is."""
    return difflib.get_close_matches(name, list(known), most, cutoff)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known one, or all."""
    known = list(known)
    near = nearest(name, known)
    return f"did you mean `{near[0]}`?" if near else f"choose from {', '.join(known)}"


def _prefix(path: Path) -> str:
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()
    return f".{digest[:8]}."


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
