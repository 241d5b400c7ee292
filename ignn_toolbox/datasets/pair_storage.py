"""Where a cache keeps its pixels: one memory-mapped file, or an LMDB.

Both hold a pair as the raw bytes of its LR image followed by those of its HR image. A writer can
be opened again after its process died; what was synced is there.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np

STORAGES = ("mmap", "lmdb")
_LMDB_SIZE = 2**40  # an upper bound that takes no space


class PairReader(ABC):
    """Read access to the bytes of pairs.

    Args:
        folder: Folder of the cache.
        sizes: Bytes of each pair.
    """

    def __init__(self, folder: Path, sizes: Sequence[int]) -> None:
        self.folder = folder
        self.sizes = sizes
        self._handle: Any = None  # a forked process may read through its parent's

    def __getitem__(self, index: int) -> np.ndarray:
        """The bytes of a pair, uint8, read-only."""
        if self._handle is None:
            self._handle = self._open()
        return self._read(self._handle, index)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_handle": None}

    @abstractmethod
    def _open(self) -> Any: ...

    @abstractmethod
    def _read(self, handle: Any, index: int) -> np.ndarray: ...


class MappedReader(PairReader):
    """Pairs one behind the other in ``pairs.bin``."""

    def __init__(self, folder: Path, sizes: Sequence[int]) -> None:
        super().__init__(folder, sizes)
        self._offsets = [0, *accumulate(sizes)]

    def _open(self) -> np.ndarray:
        return np.asarray(np.memmap(self.folder / "pairs.bin", np.uint8, "r"))

    def _read(self, handle: np.ndarray, index: int) -> np.ndarray:
        return handle[self._offsets[index] : self._offsets[index + 1]]


class LmdbReader(PairReader):
    """Pairs under their numbers in ``pairs.lmdb``."""

    # LMDB opens a file only once a process; data sets that read the same one share it.
    _opened: ClassVar[WeakValueDictionary] = WeakValueDictionary()

    def _open(self) -> Any:
        path = str((self.folder / "pairs.lmdb").resolve())
        environment = self._opened.get(path)
        if environment is None:
            options = dict(subdir=False, readonly=True, lock=False, readahead=False)
            environment = self._opened[path] = _lmdb().open(path, **options)
        return environment.begin(buffers=True)

    def _read(self, handle: Any, index: int) -> np.ndarray:
        return np.frombuffer(handle.get(_key(index), b""), np.uint8)


class MappedWriter:
    """Appends pairs to a file.

    Args:
        path: The file; it is cut after the pairs that are to be kept.
        sizes: Bytes of the pairs that are there already.
    """

    def __init__(self, path: Path, sizes: Sequence[int]) -> None:
        path.touch()
        os.truncate(path, sum(sizes))
        self._file = path.open("ab")

    def append(self, parts: Sequence[np.ndarray]) -> None:
        """Write the images of the next pair."""
        for part in parts:
            self._file.write(part.data)

    def sync(self) -> None:
        """Make sure that what was written outlives a power cut."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class LmdbWriter:
    """Puts pairs under consecutive numbers; see `MappedWriter`."""

    def __init__(self, path: Path, sizes: Sequence[int]) -> None:
        self._count = len(sizes)
        self._environment = _lmdb().open(str(path), subdir=False, lock=False, map_size=_LMDB_SIZE)
        self._transaction = self._environment.begin(write=True)

    def append(self, parts: Sequence[np.ndarray]) -> None:
        """Write the images of the next pair."""
        self._transaction.put(_key(self._count), b"".join(part.data for part in parts))
        self._count += 1

    def sync(self) -> None:
        """Make sure that what was written outlives a power cut."""
        self._transaction.commit()
        self._transaction = self._environment.begin(write=True)

    def close(self) -> None:
        self._transaction.abort()
        self._environment.close()


def reader(storage: str, folder: Path, sizes: Sequence[int]) -> PairReader:
    """Open the pairs of a cache."""
    return (LmdbReader if storage == "lmdb" else MappedReader)(folder, sizes)


def writer(storage: str, path: Path, sizes: Sequence[int]) -> MappedWriter | LmdbWriter:
    """Go on writing pairs after those whose sizes are given."""
    return (LmdbWriter if storage == "lmdb" else MappedWriter)(path, sizes)


def file_name(storage: str) -> str:
    """The file of a finished cache that holds the pixels."""
    return "pairs.lmdb" if storage == "lmdb" else "pairs.bin"


def has_lmdb() -> bool:
    """Whether the package that LMDB needs is installed."""
    try:
        _lmdb()
    except ValueError:
        return False
    return True


def _key(index: int) -> bytes:
    return b"%010d" % index


def _lmdb() -> Any:
    try:
        import lmdb
    except ImportError as error:
        raise ValueError(
            "an LMDB cache needs the package lmdb: pip install 'ignn_toolbox[lmdb]', or make a "
            "memory-mapped one (--format mmap), which needs nothing"
        ) from error
    return lmdb
