"""Names of images: what a folder holds, and what a text file lists."""

import re
from collections.abc import Iterable
from pathlib import Path

from ..images import SUFFIXES, list_images

SHOWN = 5
# Folders of these names say what they hold, not which set it is: BasicSR's Set5/GTmod12.
GENERIC_FOLDERS = ("gt", "hr", "original", "gtmod12", "x2", "x3", "x4")


def files_by_stem(folder: Path) -> dict[str, Path]:
    """Maps the stems of a folder's images to the files, sorted by name.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: It holds no image, or two of one stem (``a.png`` and ``a.jpg``).
    """
    files: dict[str, Path] = {}
    for path in list_images(folder):
        if path.stem in files:
            raise ValueError(
                f"{folder} holds {files[path.stem].name} and {path.name}: names must differ by "
                "more than the suffix; remove one"
            )
        files[path.stem] = path
    return files


def read_names(path: Path, known: set[str], where: str) -> set[str]:
    """Read the stems that a text file lists, one a line.

    Empty lines and lines that start with ``#`` are skipped. An image suffix and what BasicSR
    writes after the name (``0001_s001.png (480,480,3)``) are dropped.

    Args:
        path: The text file.
        known: The stems that exist.
        where: Where they exist, for the message.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: A listed name is not among ``known``.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path} to read image names from")
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    names = [re.sub(r" *\([\d, ]+\)$", "", line) for line in lines if line and line[0] != "#"]
    stems = {name[: -len(Path(name).suffix)] if _is_image(name) else name for name in names}
    return check_names(stems, known, where, str(path))


def check_names(stems: set[str], known: set[str], where: str, source: str) -> set[str]:
    """Return stems, all of which must exist.

    Raises:
        ValueError: One is not among ``known``; named with the source of the list.
    """
    if stems - known:
        raise ValueError(f"{source} lists {some(stems - known)}, which is not in {where}")
    return stems


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def set_name(folder: Path) -> str:
    """Name of the set that a folder holds: ``Set5`` for ``bench/Set5`` and ``Set5/GTmod12``."""
    folder = folder.absolute()
    while folder.name.lower() in GENERIC_FOLDERS and folder.parent.name:
        folder = folder.parent
    return folder.name


def some(names: Iterable[str]) -> str:
    """The first few of several names, and how many more there are."""
    ordered = sorted(names)
    shown = ", ".join(ordered[:SHOWN])
    return shown if len(ordered) <= SHOWN else f"{shown} and {len(ordered) - SHOWN} more"
