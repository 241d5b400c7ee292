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
_LONGEST_SIDE = 2**20
Pair = tuple[np.ndarray, np.ndarray]
Info = Mapping[str, Any]


class PackedPairs:
    """Read access to a folder written by `pack_pairs`, in either storage.

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
        hint = "make it anew: `ignn prepare cache`"
        content = _object(index.read_bytes())
        if content is None or not isinstance(content.get("settings", {}), dict):
            raise ValueError(f"the cache in {folder} is damaged; {hint}")
        made = {"format": content.get("format"), **content.get("settings", {})}
        if made != {"format": FORMAT, **settings}:
            raise ValueError(f"the cache in {folder} was made with {made}, not {settings}; {hint}")
        entries: Any = content.get("pairs")
        storage: Any = content.get("storage")
        known = storage in pair_storage.STORAGES
        if not isinstance(entries, list) or not all(map(_is_entry, entries)) or not known:
            raise ValueError(f"the cache in {folder} is damaged; {hint}")
        self.storage = str(storage)
        wanted = [_identity(info) for info in infos]
        for entry, identity in zip(entries, wanted, strict=False):
            if entry["source"] != identity:
                raise ValueError(f"the cache in {folder} holds another {identity['name']}; {hint}")
        if len(entries) != len(wanted):
            raise ValueError(
                f"the cache in {folder} holds {len(entries)} pairs, not {len(wanted)}; {hint}"
            )
        self._shapes = [(entry["lq"], entry["gt"]) for entry in entries]
        sizes = [_size(entry) for entry in entries]
        self.size = sum(sizes)
        pixels = folder / pair_storage.file_name(self.storage)
        held = pixels.stat().st_size if pixels.is_file() else 0
        if held < self.size or not held:
            raise ValueError(
                f"the cache in {folder} is damaged: {pixels.name} holds {held:,} bytes, not "
                f"{self.size:,}; {hint}"
            )
        self._pixels = pair_storage.reader(self.storage, folder, sizes)

    def __getitem__(self, index: int) -> Pair:
        """LR (h, w, 3) and HR (H, W, 3), uint8, read-only."""
        pixels = self._pixels[index]
        lq_shape, gt_shape = self._shapes[index]
        middle = math.prod(lq_shape)
        if pixels.size != middle + math.prod(gt_shape):
            raise ValueError(
                f"the cache in {self._pixels.folder} is damaged: pair {index} has {pixels.size:,} "
                "bytes; make it anew: `ignn prepare cache`"
            )
        return pixels[:middle].reshape(lq_shape), pixels[middle:].reshape(gt_shape)


def pack_pairs(
    folder: Path,
    infos: Sequence[Info],
    settings: Mapping[str, Any],
    load: Callable[[Sequence[Info]], Iterable[Pair]],
    storage: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, int]:
    """Write a cache, or goes on with one that was interrupted.

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
    """Write the pixels and the journal; return the pairs found there and all entries."""
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
    found = journal.read_bytes().split(b"\n")[:-1]  # the last line may be cut
    if not found or _object(found[0]) != json.loads(json.dumps(head)):
        partial.unlink()
        return []
    held = partial.stat().st_size
    for line, info in zip(found[1:], infos, strict=False):
        entry = _object(line)
        if entry is None or not _is_entry(entry) or entry["source"] != _identity(info):
            break
        held -= _size(entry) if storage == "mmap" else 0
        if held < 0:
            break
        entries.append(entry)
    return entries


def _object(text: bytes) -> dict[str, Any] | None:
    """The object that a text in JSON is, or None where it is none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _is_entry(entry: Any) -> bool:
    """Whether a pair's entry has a source and two shapes of images of one kind."""
    if not isinstance(entry, dict) or not {"source", "lq", "gt"} <= entry.keys():
        return False
    shapes = entry["lq"], entry["gt"]
    are_images = all(
        isinstance(shape, list)
        and len(shape) == 3
        and all(type(side) is int and 0 < side < _LONGEST_SIDE for side in shape)
        for shape in shapes
    )
    return are_images and shapes[0][2] == shapes[1][2]


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Keep other processes from making the same cache meanwhile."""
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
