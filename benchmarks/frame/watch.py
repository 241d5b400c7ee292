"""What a process runs, imports and writes while a file is tried."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_WRITING = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree")
_RUNNING = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.fork")


class Watch:
    """What the process does while a file is tried, as Python's audit hook tells it.

    Args:
        modules: Whose import counts.
    """

    def __init__(self, modules: tuple[str, ...] = ()) -> None:
        self.modules = modules
        self.folder: str | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._hook)  # for the rest of the process

    @contextlib.contextmanager
    def over(self, folder: Path) -> Iterator[list[str]]:
        """List what runs, is imported from a file's word, or is written outside of a folder."""
        self.folder, self.seen = str(folder.resolve()), []
        try:
            yield self.seen
        finally:
            self.folder = None

    def _hook(self, event: str, arguments: tuple) -> None:
        if self.folder is None:
            return
        if event in _RUNNING:
            self.seen.append(f"{event} {arguments!r}")
        elif event == "import" and arguments[0].split(".")[0] in self.modules:
            self.seen.append(f"import {arguments[0]}")
        elif event in _WRITING or (event == "open" and _for_writing(arguments)):
            path = arguments[0]
            if isinstance(path, str | bytes | os.PathLike) and not self._inside(path):
                self.seen.append(f"{event} {path!r}")

    def _inside(self, path: Any) -> bool:
        full = os.path.realpath(os.fsdecode(path))
        return full.startswith((f"{self.folder}{os.sep}", "/dev/")) or full == self.folder


def _for_writing(arguments: tuple) -> bool:
    _, mode, flags = arguments
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) if isinstance(flags, int) else False
