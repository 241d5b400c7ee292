"""Fetches checkpoints by URL: several addresses, resumed where a transfer broke off, verified.

A file appears under its name only when it is complete and has the digest that its metafile states.
"""

import contextlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import rich.progress
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn

from .. import files

Progress = Callable[[int, int | None], None]

_BLOCK = 2**18
_TIMEOUT = 30  # seconds without a byte
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


def fetch(urls: Sequence[str], sha256: str, target: Path) -> Path:
    """Downloads a file unless it is there; a terminal shows how far it is.

    What an earlier attempt left is continued, also from another address. Two processes that want
    the same file do not load it twice.

    Args:
        urls: Addresses of the same file, tried in turn.
        sha256: Hexadecimal digest that it must have.
        target: Where to put it.

    Returns:
        ``target``.

    Raises:
        DownloadError: No address delivers the file; says what each answered, and how to do without
            a network.
    """
    partial = target.with_name(f".{sha256[:8]}.part")
    with files.locked(target.with_name(f".{sha256[:8]}.lock")):
        if target.is_file() and files.sha256(target) == sha256:
            return target
        answers = []
        for url in addresses(urls):
            try:
                with _bar(target.name) as progress:
                    _transfer_verified(url, sha256, partial, progress)
            except (OSError, HTTPException, ValueError) as error:
                answers.append(f"{url}: {_reason(error)}")
            else:
                os.replace(partial, target)
                return target
    listed = "".join(f"\n  {answer}" for answer in answers)
    raise DownloadError(
        f"{target.name} could not be downloaded:{listed}\nWithout a network, put the file with "
        f"SHA-256 {sha256} at {target}; ${_MIRRORS} names other servers"
    )


def _transfer_verified(url: str, sha256: str, partial: Path, progress: Progress) -> None:
    """Completes a partial file and compares its digest; a wrong one leaves no file."""
    resumed = partial.is_file()
    _transfer(url, partial, progress)
    found = files.sha256(partial)
    if found == sha256:
        return
    partial.unlink()
    if not resumed:
        raise ValueError(f"its SHA-256 is {found}, not {sha256}")
    # The beginning may have come from elsewhere.
    _transfer_verified(url, sha256, partial, progress)


def _transfer(url: str, partial: Path, progress: Progress) -> None:
    """Appends to a partial file until it is complete.

    As long as bytes arrive, a transfer that breaks off is taken up again.
    """
    while True:
        before, failure = _size(partial), None
        try:
            if _continue(url, partial, progress):
                return
        except (OSError, HTTPException) as error:
            failure = error
        if _size(partial) <= before:
            raise failure or ConnectionError("the transfer broke off")


def _continue(url: str, partial: Path, progress: Progress) -> bool:
    """Asks for what is missing; tells whether the file is complete afterwards."""
    there = _size(partial)
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # nothing lies beyond what is there: the file is whole, or another
            raise
        return True
    with answer:
        resumed = answer.status == 206
        length = answer.headers.get("Content-Length")
        total = None if length is None else int(length) + (there if resumed else 0)
        done = there if resumed else 0
        with partial.open("ab" if resumed else "wb") as file:
            while block := answer.read(_BLOCK):
                file.write(block)
                done += len(block)
                progress(done, total)
    return total is None or done == total


@contextlib.contextmanager
def _bar(label: str) -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (TextColumn(label), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with rich.progress.Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"no connection ({error.reason})"
    return str(error) or type(error).__name__
