"""Decoded pairs in one file: a crop costs what it reads, not a whole decoding.

A folder holds the raw bytes of all LR and HR images, in ``pairs.bin`` (memory-mapped) or
``pairs.lmdb``, and ``index.json``, which says how large each is, what it was made of and how. Both
appear when they are complete; until then a journal tells how far an interrupted build has come. The
operating system shares the mapped file among workers and drops it under memory pressure.
"""

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..files import LockedError, locked, write_bytes
from . import pair_storage

FORMAT = 2
AT_A_TIME = 32
Pair = tuple[np.ndarray, np.ndarray]
Info = Mapping[str, Any]


class PackedPairs:
    """Read access to a folder written by :func:`pack_pairs`, in either storage.

    Args:
        folder: The folder.
        infos: Images that are wanted, with ``name``, ``gt_path``, ``lq_path``.
        settings: How the pairs are made.

    Raises:
        FileNotFoundError: There is no such cache.
        ValueError: It was made of other files, of changed files or with other settings, or needs a
            package that is not installed.
    """

    def __init__(self, folder: Path, infos: Sequence[Info], settings: Mapping[str, Any]) -> None:
        index = folder / "index.json"
        if not index.is_file():
            raise FileNotFoundError(f"there is no cache in {folder}; make it: `ignn prepare cache`")
        content = json.loads(index.read_text(encoding="utf-8"))
        hint = "make it anew: `ignn prepare cache`"
        made = {"format": content.get("format"), **content.get("settings", {})}
        if made != {"format": FORMAT, **settings}:
            raise ValueError(f"the cache in {folder} was made with {made}, not {settings}; {hint}")
        entries = content["pairs"]
        wanted = [_identity(info) for info in infos]
        for entry, identity in zip(entries, wanted, strict=False):
            if entry["source"] != identity:
                raise ValueError(f"the cache in {folder} holds another {identity['name']}; {hint}")
        if len(entries) != len(wanted):
            raise ValueError(
                f"the cache in {folder} holds {len(entries)} pairs, not {len(wanted)}; {hint}"
            )
        self.storage = content["storage"]
        self._shapes = [(entry["lq"], entry["gt"]) for entry in entries]
        sizes = [_size(entry) for entry in entries]
        self.size = sum(sizes)
        self._pixels = pair_storage.reader(self.storage, folder, sizes)

    def __getitem__(self, index: int) -> Pair:
        """LR (h, w, 3) and HR (H, W, 3), uint8, read-only."""
        pixels = self._pixels[index]
        lq_shape, gt_shape = self._shapes[index]
        middle = math.prod(lq_shape)
        return pixels[:middle].reshape(lq_shape), pixels[middle:].reshape(gt_shape)


def pack_pairs(
    folder: Path,
    infos: Sequence[Info],
    settings: Mapping[str, Any],
    load: Callable[[Sequence[Info]], Iterable[Pair]],
    storage: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, int]:
    """Writes a cache, or goes on with one that was interrupted.

    Args:
        folder: The folder, made when absent; an earlier cache in it of other files or settings is
            replaced, one that fits is kept.
        infos: The images, with ``name``, ``gt_path``, ``lq_path``.
        settings: How the pairs are made.
        load: Makes the LR and HR images, uint8, of some of ``infos``, in their order.
        storage: ``'mmap'`` or ``'lmdb'``.
        progress: Called with (images done, in all).

    Returns:
        Size in bytes, and how many pairs were there already.

    Raises:
        ValueError: An unknown storage, one whose package is not installed, or an image is
            unreadable; pairs before it are kept for the next call.
        OSError: The folder cannot be written, or another process is making this cache.
    """
    if storage not in pair_storage.STORAGES:
        raise ValueError(f"a cache is one of {', '.join(pair_storage.STORAGES)}, got {storage!r}")
    folder.mkdir(parents=True, exist_ok=True)
    with _claimed(folder):
        with contextlib.suppress(FileNotFoundError, ValueError):
            there = PackedPairs(folder, infos, settings)
            if there.storage == storage:
                return there.size, len(infos)
        kept, entries = _pack(folder, infos, settings, load, storage, progress)
        content = {"format": FORMAT, "storage": storage, "settings": settings, "pairs": entries}
        # The former index must not lie beside the new pixels.
        (folder / "index.json").unlink(missing_ok=True)
        for other in pair_storage.STORAGES:
            (folder / pair_storage.file_name(other)).unlink(missing_ok=True)
        os.replace(_partial(folder, storage), folder / pair_storage.file_name(storage))
        write_bytes(folder / "index.json", json.dumps(content).encode())
        for name in pair_storage.STORAGES:
            _journal(folder, name).unlink(missing_ok=True)
            _partial(folder, name).unlink(missing_ok=True)
    return sum(map(_size, entries)), kept


def _pack(
    folder: Path,
    infos: Sequence[Info],
    settings: Mapping[str, Any],
    load: Callable[[Sequence[Info]], Iterable[Pair]],
    storage: str,
    progress: Callable[[int, int], None] | None,
) -> tuple[int, list[dict[str, Any]]]:
    """Writes the pixels and the journal; returns the pairs found there and all entries."""
    head = {"format": FORMAT, "settings": dict(settings)}
    entries = _done(folder, infos, head, storage)
    kept = len(entries)
    pixels = pair_storage.writer(storage, _partial(folder, storage), list(map(_size, entries)))
    try:
        write_bytes(_journal(folder, storage), _lines([head, *entries]))
        with _journal(folder, storage).open("ab") as journal:
            for start in range(kept, len(infos), AT_A_TIME):
                step = infos[start : start + AT_A_TIME]
                made = []
                for info, pair in zip(step, load(step), strict=True):
                    lq, gt = (np.ascontiguousarray(image) for image in pair)
                    pixels.append((lq, gt))
                    made.append({"source": _identity(info), "lq": lq.shape, "gt": gt.shape})
                # The journal never tells of pixels that a power cut could take away.
                pixels.sync()
                journal.write(_lines(made))
                journal.flush()
                os.fsync(journal.fileno())
                entries += made
                if progress is not None:
                    progress(len(entries), len(infos))
    finally:
        pixels.close()
    return kept, entries


def _done(
    folder: Path, infos: Sequence[Info], head: Mapping[str, Any], storage: str
) -> list[dict[str, Any]]:
    """What an interrupted build has left, as far as it is what is wanted now."""
    journal, partial = _journal(folder, storage), _partial(folder, storage)
    if not (journal.is_file() and partial.is_file()):
        partial.unlink(missing_ok=True)
        return []
    entries: list[dict[str, Any]] = []
    found = journal.read_text(encoding="utf-8").split("\n")[:-1]  # the last line may be cut
    if not found or json.loads(found[0]) != json.loads(json.dumps(head)):
        partial.unlink()
        return []
    for line, info in zip(found[1:], infos, strict=False):
        entry = json.loads(line)
        if entry["source"] != _identity(info):
            break
        entries.append(entry)
    return entries


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Keeps other processes from making the same cache meanwhile."""
    try:
        with locked(folder / ".lock", wait=False):
            yield
    except LockedError:
        raise OSError(f"another process is making the cache in {folder}") from None


def _partial(folder: Path, storage: str) -> Path:
    return folder / f".{pair_storage.file_name(storage)}.part"


def _journal(folder: Path, storage: str) -> Path:
    return folder / f".{pair_storage.file_name(storage)}.journal"


def _lines(items: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(item)}\n" for item in items).encode()


def _size(entry: Mapping[str, Any]) -> int:
    return math.prod(entry["lq"]) + math.prod(entry["gt"])


def _identity(info: Info) -> dict[str, Any]:
    """Name, sizes and times of the files that a pair is made of; they may have moved."""
    files = [Path(info[key]).stat() for key in ("gt_path", "lq_path") if info[key] is not None]
    return {"name": info["name"], "files": [[stat.st_size, stat.st_mtime_ns] for stat in files]}
