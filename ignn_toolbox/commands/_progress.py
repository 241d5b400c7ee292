"""The progress bar of commands that go through many files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[float, int], None]]:
    """Shows a bar with the remaining time on a terminal, nothing elsewhere.

    Args:
        label: What is being done.

    Yields:
        A function to call with (items done, items in all).
    """
    console = Console(stderr=True)
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


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
