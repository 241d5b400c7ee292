"""How far commands are that go through many files: a bar on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_EVERY = 5.0  # seconds between lines at first
_SHARE = 0.05  # of the time so far, later on: a run of days needs no line every few seconds


@contextmanager
def progress_bar(label: str, silent: bool = False) -> Iterator[Callable[[float, int], None]]:
    """Show a bar with the remaining time on a terminal, and a line every few seconds elsewhere.

    Args:
        label: What is being done.
        silent: Show nothing.

    Yields:
        A function to call with (items done, items in all); a part of an item counts, too.
    """
    console = Console(stderr=True)
    if silent:
        yield lambda done, total: None
        return
    if not console.is_terminal:
        yield ProgressLines(label)
        return
    columns = (
        TextColumn(label),
        BarColumn(),
        TextColumn("{task.fields[place]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None, place="")

        def moved(done: float, total: int) -> None:
            bar.update(task, completed=done, total=total, place=_place(done, total))

        yield moved


class ProgressLines:
    """Prints how far something is on standard error, every few seconds.

    Args:
        label: What is being done.
        clock: Seconds.
    """

    def __init__(self, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._label = label
        self._clock = clock
        self._started = self._told = clock()

    def __call__(self, done: float, total: int) -> None:
        """So many items of all are done."""
        now = self._clock()
        elapsed = now - self._started
        if now - self._told < max(_EVERY, _SHARE * elapsed) or done >= total:
            return
        self._told = now
        left = f", about {_duration(elapsed * (total - done) / done)} to go" if done > 0 else ""
        line = f"{self._label}: {_place(done, total)} after {_duration(elapsed)}{left}"
        print(line, file=sys.stderr, flush=True)


class PictureProgress:
    """Moves a bar within pictures, too: a large one takes long.

    Args:
        progress: From `progress_bar`; counts pictures.
        pictures: How many there are.
    """

    def __init__(self, progress: Callable[[float, int], None], pictures: int) -> None:
        self._progress = progress
        self._pictures = pictures
        self._before = 0
        self._share = 0.0

    def moved(self, done: int, total: int) -> None:
        """The present picture is so far; it is another one when that is less than last time."""
        share = done / total
        if share <= self._share:
            self._before += 1
        self._share = share
        self._tell()

    def settled(self, pictures: int) -> None:
        """So many are written, skipped or failed."""
        if pictures > self._before + self._share:
            self._before, self._share = pictures, 0.0
        self._tell()

    def _tell(self) -> None:
        self._progress(min(self._before + self._share, self._pictures), self._pictures)


def _place(done: float, total: int) -> str:
    """``3/10 (34 %)``: whole items, and the share with the part of the present one."""
    share = 100 * done / total if total else 100.0
    return f"{int(done)}/{total} ({share:.0f} %)"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
