"""One line for whatever was raised: what went wrong, and where, if the words alone do not say.

An error that this package raises on purpose says everything itself. Whatever else escapes (from a
library, from a module of the user's, from a mistake of ours) is told with its type and the place
that the reader can look at: the innermost line of the user's own code, or of ours where none of
theirs took part.
"""

import dis
import re
import site
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

HOW_TO_SEE = "IGNN_DEBUG=1 shows the trace"
_PACKAGE = Path(__file__).resolve().parent
_RAISE = dis.opmap["RAISE_VARARGS"]


class Frame(NamedTuple):
    """A line of code that took part in an error.

    Attributes:
        file: Where it stands.
        line: Its number.
        raises: Whether it is a ``raise`` statement.
    """

    file: str
    line: int
    raises: bool

    @property
    def is_ours(self) -> bool:
        """Whether it belongs to this package."""
        return _PACKAGE in Path(self.file).resolve().parents

    @property
    def is_users(self) -> bool:
        """Whether it belongs neither to this package nor to Python or an installed package."""
        if self.file.startswith("<") or self.is_ours:
            return False
        parents = Path(self.file).resolve().parents
        return not any(Path(folder).resolve() in parents for folder in _installed())

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


def describe(error: BaseException) -> str:
    """Return what an error says; where its words do not suffice, ending with a file and line.

    Args:
        error: Caught with its traceback; also one that came out of a data loader's worker.
    """
    worker = _from_worker(error)
    message, lines = worker if worker else (_message(error), frames(error))
    users = [line for line in lines if line.is_users]
    if users:
        return f"{_named(error, message)} ({HOW_TO_SEE}); {users[-1]}"
    if says_it_all(error, lines):
        return message
    ours = [line for line in lines if line.is_ours]
    place = f"; {ours[-1]}" if ours else ""
    return f"{_named(error, message)} ({HOW_TO_SEE}){place}"


def frames(error: BaseException) -> list[Frame]:
    """Return the lines that an error came through, the one that raised it last."""
    found, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        raises = code.co_code[trace.tb_lasti] == _RAISE
        found.append(Frame(code.co_filename, trace.tb_lineno, raises))
        trace = trace.tb_next
    return found


def says_it_all(error: BaseException, lines: list[Frame]) -> bool:
    """Whether an error was raised in this package on purpose, or is the system's own word.

    Args:
        error: The error.
        lines: Its `frames`.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return True
    on_purpose = bool(lines) and lines[-1].is_ours and lines[-1].raises
    return on_purpose and not isinstance(error, AssertionError)


def _message(error: BaseException) -> str:
    if isinstance(error, KeyError) and error.args:
        return str(error.args[0])
    return str(error).strip()


def _named(error: BaseException, message: str) -> str:
    """The message's first line after the error's type."""
    first = message.splitlines()[0] if message else "no message"
    return f"{type(error).__name__}: {first}"


def _from_worker(error: BaseException) -> tuple[str, list[Frame]] | None:
    """Message and frames of an error that torch brought over from a worker, as text."""
    head, found, trace = str(error).partition("Original Traceback (most recent call last):\n")
    if not found or " in DataLoader worker process" not in head:
        return None
    came_through, last = [], ""
    lines = trace.rstrip().splitlines()
    for number, line in enumerate(lines):
        place = re.match(r'  File "(.+)", line (\d+), in ', line)
        if place:
            statement = lines[number + 1].strip() if number + 1 < len(lines) else ""
            raises = statement.startswith("raise ")
            came_through.append(Frame(place[1], int(place[2]), raises))
            last = ""
        elif not line.startswith(" "):
            last = last or line
    return last.partition(": ")[2] or last, came_through


def _installed() -> set[str]:
    """The folders of Python itself and of installed packages."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = {sysconfig.get_paths()[name] for name in names}
    # A virtual environment's standard library is the one of the Python that made it.
    paths.add(str(Path(dis.__file__).parent))
    paths.update(site.getsitepackages(), [site.getusersitepackages()])
    return {path for path in paths if path and path != sys.prefix}
