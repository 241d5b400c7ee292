"""Decoded pairs in one memory-mapped file: a crop costs what it reads, not a whole decoding.

A folder holds ``pairs.bin``, the raw bytes of all LR and HR images, and ``index.json``, which says
where each is, what it was made of and how. Both appear when they are complete. The operating system
shares the mapped file among workers and drops it under memory pressure.
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .image_io import write_bytes

FORMAT = 1
Pair = tuple[np.ndarray, np.ndarray]


class PackedPairs:
    """Read access to a folder written by :func:`pack_pairs`.

    Args:
        folder: The folder.
        infos: Images that are wanted, with ``name``, ``gt_path``, ``lq_path``.
        settings: How the pairs are made.

    Raises:
        FileNotFoundError: There is no such cache.
        ValueError: It was made of other files, of changed files or with other settings.
    """

    def __init__(
        self, folder: Path, infos: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
    ) -> None:
        index = folder / "index.json"
        if not index.is_file():
            raise FileNotFoundError(f"there is no cache in {folder}; make it: `ignn prepare cache`")
        content = json.loads(index.read_text(encoding="utf-8"))
        hint = "remove it and make it anew: `ignn prepare cache`"
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
        self._path = folder / "pairs.bin"
        self._places = [(entry["offset"], entry["lq"], entry["gt"]) for entry in entries]
        self._data: np.ndarray | None = None

    def __getitem__(self, index: int) -> Pair:
        """LR (h, w, 3) and HR (H, W, 3), uint8, read-only."""
        if self._data is None:
            self._data = np.asarray(np.memmap(self._path, np.uint8, "r"))
        offset, lq_shape, gt_shape = self._places[index]
        middle = offset + math.prod(lq_shape)
        end = middle + math.prod(gt_shape)
        return self._data[offset:middle].reshape(lq_shape), self._data[middle:end].reshape(gt_shape)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_data": None}  # each process maps the file itself


def pack_pairs(
    folder: Path,
    infos: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    pairs: Iterator[Pair],
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Writes a cache.

    Args:
        folder: The folder, made when absent; an earlier cache in it is replaced.
        infos: The images, with ``name``, ``gt_path``, ``lq_path``.
        settings: How the pairs are made.
        pairs: LR and HR images, uint8, in the order of ``infos``.
        progress: Called with (images done, in all).

    Returns:
        Size in bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "pairs.bin"
    partial = folder / f".pairs.bin.{os.getpid()}.part"
    entries: list[dict[str, Any]] = []
    try:
        with partial.open("wb") as file:
            for done, (info, pair) in enumerate(zip(infos, pairs, strict=True), 1):
                lq, gt = (np.ascontiguousarray(image) for image in pair)
                place = {"offset": file.tell(), "lq": lq.shape, "gt": gt.shape}
                entries.append({"source": _identity(info), **place})
                file.write(lq.data)
                file.write(gt.data)
                if progress is not None:
                    progress(done, len(infos))
            size = file.tell()
        (folder / "index.json").unlink(missing_ok=True)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    content = {"format": FORMAT, "settings": dict(settings), "pairs": entries}
    write_bytes(folder / "index.json", json.dumps(content).encode())
    return size


def _identity(info: Mapping[str, Any]) -> dict[str, Any]:
    """Name, sizes and times of the files that a pair is made of; they may have moved."""
    files = [Path(info[key]).stat() for key in ("gt_path", "lq_path") if info[key] is not None]
    return {"name": info["name"], "files": [[stat.st_size, stat.st_mtime_ns] for stat in files]}
