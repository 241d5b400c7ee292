"""Fetches checkpoints by URL: from several addresses, bounded in size and time, verified.

A file appears under its name only when it is complete and has the digest that its metafile states.
"""

import contextlib
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

import rich.progress
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn

from .. import files

Progress = Callable[[int, int | None], None]

_BLOCK = 2**18
_WINDOW, _LEAST = 60.0, 2**17  # seconds, and the bytes that a server must send in them
_PAUSE = 0.1  # seconds between two looks at a transfer
_TRIES = 3  # of an address whose transfers break off
_MOST = 2**31  # bytes, where no size is stated
_MIRRORS = "IGNN_MIRRORS"
_CACHE = "IGNN_CACHE"


class DownloadError(OSError):
    """A checkpoint that no address delivers."""


def cache_dir() -> Path:
    """Where downloaded checkpoints are kept.

    ``$IGNN_CACHE``; else ``ignn_toolbox`` in ``$XDG_CACHE_HOME`` or ``~/.cache``.
    """
    if os.environ.get(_CACHE):
        return Path(os.environ[_CACHE]).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "ignn_toolbox"


def file_name(url: str) -> str:
    """The name of the file that a URL points to.

    Raises:
        ValueError: It points to none.
    """
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    if not name:
        raise ValueError(f"{url} names no file")
    return name


def addresses(urls: Sequence[str]) -> list[str]:
    """Where to look for a file, in this order: the mirrors of the environment, then ``urls``.

    ``$IGNN_MIRRORS`` lists base addresses, separated by blanks, below which the files lie by name.
    """
    name = file_name(urls[0])
    own = [f"{base.rstrip('/')}/{name}" for base in os.environ.get(_MIRRORS, "").split()]
    return list(dict.fromkeys([*own, *urls]))


def fetch(urls: Sequence[str], sha256: str, target: Path, size: int | None = None) -> Path:
    """Download a file unless it is there; a terminal shows how far it is.

    Two processes that want the same file do not load it twice. No server can make it take more
    bytes than the file has, or last for ever.

    Args:
        urls: Addresses of the same file, tried in turn.
        sha256: Hexadecimal digest that it must have.
        target: Where to put it.
        size: Number of bytes that it must have; where that is not known, 2 GiB are the limit.

    Returns:
        ``target``.

    Raises:
        DownloadError: No address delivers the file; says what each answered, and how to do without
            a network.
    """
    with files.locked(target.with_name(f".{sha256[:8]}.lock")):
        if target.is_file() and files.sha256(target) == sha256:
            return target
        files.remove_partial(target)
        answers = []
        for url in addresses(urls):
            for _ in range(_TRIES):
                try:
                    with files.write_whole(target) as partial, _bar(target.name) as progress:
                        _transfer(url, partial, size, progress)
                        if (found := files.sha256(partial)) != sha256:
                            raise ValueError(f"its SHA-256 is {found}, not {sha256}")
                    return target
                except (OSError, HTTPException, ValueError) as error:
                    answer = f"{url}: {_reason(error)}"
                    if not isinstance(error, ConnectionError):  # another try would end likewise
                        break
            answers.append(answer)
    listed = "".join(f"\n  {answer}" for answer in answers)
    raise DownloadError(
        f"{target.name} could not be downloaded:{listed}\nWithout a network, put the file with "
        f"SHA-256 {sha256} at {target}; ${_MIRRORS} names other servers"
    )


def _transfer(url: str, path: Path, size: int | None, progress: Progress) -> None:
    """Write what an address sends to a file.

    Raises:
        ConnectionError: The transfer broke off.
        TimeoutError: The server is too slow.
        ValueError: The server has a file of another size.
        OSError: It refuses, cannot be reached, or the disk is full.
    """
    receiver = _Receiver(url, path, size)
    receiver.start()
    try:
        while receiver.is_alive():
            before, end = receiver.done, time.monotonic() + _WINDOW
            while receiver.is_alive() and time.monotonic() < end:
                receiver.join(_PAUSE)
                progress(receiver.done, receiver.total)
            if receiver.is_alive() and receiver.done - before < _LEAST:
                raise TimeoutError(f"it sent less than {_LEAST:,} bytes in {_WINDOW:g} s")
    finally:
        receiver.given_up = True
    if receiver.failure is not None:
        raise receiver.failure
    if receiver.total not in (None, receiver.done):
        raise ConnectionError(f"the transfer broke off after {receiver.done:,} bytes")


class _Receiver(threading.Thread):
    """Reads a server's answer beside the thread that waits: a server may be silent for ever.

    Attributes:
        done: Number of bytes that have come.
        total: Number of bytes that should come, if it is known.
        failure: Why it ended before that.
        given_up: Set from outside when nobody waits any more.
    """

    def __init__(self, url: str, path: Path, size: int | None) -> None:
        super().__init__(daemon=True)
        self.done, self.total, self.given_up = 0, size, False
        self.failure: Exception | None = None
        self._url, self._path, self._size = url, path, size

    def run(self) -> None:
        try:
            with (
                urllib.request.urlopen(self._url, timeout=2 * _WINDOW) as answer,
                self._path.open("wb") as file,
            ):
                self._receive(answer, file)
        except Exception as error:
            self.failure = error

    def _receive(self, answer: Any, file: BinaryIO) -> None:
        length = answer.headers.get("Content-Length")
        self.total = self._size if length is None else int(length)
        if self._size is not None and self.total != self._size:
            raise ValueError(f"it has {self.total:,} bytes, not {self._size:,}")
        most = _MOST if self._size is None else self._size
        if (self.total or 0) > most:
            raise ValueError(f"it has {self.total:,} bytes, more than {most:,}")
        while not self.given_up and (block := answer.read1(_BLOCK)):
            self.done += len(block)
            if self.done > most:
                raise ValueError(f"it sends more than {most:,} bytes")
            file.write(block)


@contextlib.contextmanager
def _bar(label: str) -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (TextColumn(label), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with rich.progress.Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"no connection ({error.reason})"
    return str(error) or type(error).__name__
