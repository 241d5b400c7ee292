"""Finding pictures in folders: linked folders are followed, and what is passed over is counted."""

import logging
import os
import stat
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from ..text import shown
from .formats import SUFFIXES

_SPECIAL = {
    stat.S_IFIFO: "a FIFO (named pipe)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}
_NAMED = 5  # of many special files or loops

_Identity = tuple[int, int]  # of a folder: its device and inode


@dataclass
class Walk:
    """What was found below a folder.

    Attributes:
        root: The folder.
        pictures: Files that are pictures by their suffix, and dangling links of such names; a
            folder's own come before those of its subfolders, in the order of names.
        faults: Folders that cannot be listed, and why.
        others: Number of files of other kinds, by suffix.
        hidden: Number of hidden files and folders.
        unentered: Number of subfolders, where they were not asked for.
        strange: Pipes, devices, and linked folders that lead back into themselves, each with what
            it is.
    """

    root: Path
    pictures: list[Path] = field(default_factory=list)
    faults: list[tuple[Path, str]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    hidden: int = 0
    unentered: int = 0
    strange: list[str] = field(default_factory=list)

    def passed_over(self) -> str:
        """Return a sentence that says what was passed over; empty if nothing was."""
        parts = []
        if self.others:
            kinds = ", ".join(f"{n} {suffix}" for suffix, n in self.others.most_common())
            parts.append(f"{_count(self.others.total(), 'file')} of other kinds ({kinds})")
        if self.hidden:
            parts.append(f"{self.hidden} hidden")
        if self.unentered:
            parts.append(_count(self.unentered, "folder"))
        parts += self.strange[:_NAMED]
        if len(self.strange) > _NAMED:
            parts.append(f"{len(self.strange) - _NAMED} more of that kind")
        return shown(f"passed over in {self.root}: {', '.join(parts)}") if parts else ""


def walk(
    root: str | Path,
    *,
    deep: bool = True,
    without: Path | None = None,
    suffixes: Collection[str] = tuple(SUFFIXES),
) -> Walk:
    """Find the pictures of a folder.

    Args:
        root: The folder.
        deep: Enter its subfolders, also linked ones, wherever the links lead; one that leads back
            to a folder above itself is not entered.
        without: A folder below it to leave out.
        suffixes: Of pictures, in lower case.
    """
    root = Path(root)
    found = Walk(root)
    left_out = _identity(without) if without is not None else None
    # Folders, each with those that led to it.
    waiting: list[tuple[Path, tuple[_Identity | None, ...]]] = [(root, (_identity(root),))]
    while waiting:
        folder, above = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            found.faults.append((folder, f"cannot be listed: {error.strerror}"))
            continue
        inner = []
        for entry in listed:
            path = folder / entry.name
            if entry.name.startswith("."):
                found.hidden += 1
            elif not _is_folder(entry):
                _note_file(found, entry, path, suffixes)
            elif not deep:
                found.unentered += 1
            elif (identity := _identity(path)) is None or identity != left_out:
                if entry.is_symlink() and identity in above:
                    found.strange.append(f"{path} (a linked folder that leads back into itself)")
                else:
                    inner.append((path, (*above, identity)))
        waiting += reversed(inner)
    return found


def list_images(folder: str | Path) -> list[Path]:
    """Return the pictures of a folder, not of its subfolders, sorted by name.

    What is passed over is logged as a warning.

    Raises:
        FileNotFoundError: The folder does not exist.
        OSError: It cannot be listed.
        ValueError: It holds no picture; says what it holds instead.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {shown(folder)}")
    found = walk(folder, deep=False)
    for path, fault in found.faults:
        raise OSError(f"{shown(path)} {fault}")
    told = found.passed_over()
    if not found.pictures:
        raise ValueError(
            f"{shown(folder)} holds no image ({', '.join(SUFFIXES)}){told and f'; {told}'}"
        )
    if told:
        logging.getLogger(__name__).warning(told)
    return found.pictures


def kind_of_special(path: Path) -> str | None:
    """Return what a path is that exists and is neither file nor folder, such as ``a socket``."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    return _SPECIAL.get(stat.S_IFMT(mode))


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _note_file(found: Walk, entry: os.DirEntry, path: Path, suffixes: Collection[str]) -> None:
    is_plain = entry.is_file(follow_symlinks=False)
    if not is_plain and (kind := kind_of_special(path)):
        found.strange.append(f"{path} ({kind})")
    elif path.suffix.lower() in suffixes:
        found.pictures.append(path)
    else:
        found.others[path.suffix.lower() or "without suffix"] += 1


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
