"""What became of every picture of a run, kept on disk so that a stopped run continues.

A journal is a folder: ``run.json`` says which run it belongs to, and ``part-NNNN.jsonl`` tells what
happened to a stretch of the run's list, one JSON record a line, appended as it happens. The parts
depend on the length of the list alone, not on the number of processes. A part has one writer at a
time, held by a lock that ends with its process.
"""

import json
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .run import DONE, FAILED, SKIPPED, LedgerError

FOLDER = ".ignn_journal"
STARTED, WRITING, DROPPED, OPEN = "started", "writing", "dropped", "open"

_FORMAT = 1
_MOST_PARTS = 1024
_ENDS = (DONE, SKIPPED, FAILED)


@dataclass
class History:
    """What a journal knows of one picture.

    Attributes:
        state: ``started``, ``writing``, ``dropped``, ``done``, ``skipped`` or ``failed``.
        record: The last record.
        deaths: How often a process died while it had this picture alone in its hands.
    """

    state: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    deaths: int = 0

    @property
    def interrupted(self) -> bool:
        """Whether a process died over it: it was begun, and nothing tells of an end."""
        return self.state in (STARTED, WRITING)


class Journal:
    """The journal of a run over ``total`` pictures, in ``folder``."""

    def __init__(self, folder: Path, total: int) -> None:
        self.folder = folder
        self.total = total

    @property
    def parts(self) -> int:
        """Number of parts."""
        return min(self.total, _MOST_PARTS)

    def numbers(self, part: int) -> range:
        """The pictures of a part, by their numbers."""
        first, end = (-(-p * self.total // self.parts) for p in (part, part + 1))
        return range(first, end)

    def part_of(self, number: int) -> int:
        """The part that tells of a picture."""
        return number * self.parts // self.total

    def path(self, part: int) -> Path:
        return self.folder / f"part-{part:04}.jsonl"

    def claim(self, run: dict[str, Any]) -> None:
        """Begins the journal, or takes up the one that is there.

        Args:
            run: What decides the results, by heading: values that JSON can hold, or dicts of
                them. What stands under ``about`` is kept for the reader and not compared.

        Raises:
            ValueError: The journal there belongs to another run; the differences are named.
            OSError: It cannot be read or written.
        """
        path = self.folder / "run.json"
        run = {"format": _FORMAT, **run}
        self.folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self.check(run)
            return
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        temporary.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, path)

    def check(self, run: dict[str, Any]) -> None:
        """Compares a run with that of the journal; raises as :meth:`claim`."""
        path = self.folder / "run.json"
        try:
            former = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(
                f"{path} is damaged ({error}); remove {self.folder} to begin anew, with "
                "--skip-existing to keep the pictures that are there"
            ) from error
        then, now = _flat(former), _flat({"format": _FORMAT, **run})
        changes = [
            f"{name}: {then.get(name, 'not given')} then, {now.get(name, 'not given')} now"
            for name in sorted(then.keys() | now.keys())
            if then.get(name) != now.get(name)
        ]
        if changes:
            raise ValueError(
                f"{self.folder} is the journal of another run ({'; '.join(changes)}). Repeat "
                "that run's command to continue it, choose another output folder, or remove "
                f"{self.folder} to begin anew, with --skip-existing to keep the pictures that "
                "are there"
            )

    def tally(self) -> tuple[Counter[str], list[str]]:
        """Pictures by status (``open``: not dealt with yet), and why each of the failed failed."""
        counts, failures = Counter[str](), []
        for part in range(self.parts):
            histories = self.histories(part)
            for number in self.numbers(part):
                history = histories.get(number, History())
                counts[history.state if history.state in _ENDS else OPEN] += 1
                if history.state == FAILED:
                    failures.append(history.record["reason"])
        return counts, failures

    def histories(self, part: int) -> dict[int, History]:
        """What a part tells, by picture."""
        try:
            content = self.path(part).read_bytes()
        except FileNotFoundError:
            return {}
        return _histories(content)


class Part:
    """One part of a journal, open for its only writer.

    Attributes:
        histories: What it told when it was opened.

    Raises:
        LedgerError: Another process is at work on it, or the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                self._lock()
                content = path.read_bytes()
                if content and not content.endswith(b"\n"):  # its writer died over the last line
                    os.write(self._file, b"\n")
            except BaseException:
                os.close(self._file)
                raise
        except LedgerError:
            raise
        except OSError as error:
            raise LedgerError(f"the journal {path} cannot be used: {error}") from error
        self.histories = _histories(content)

    def append(self, number: int, state: str, **details: Any) -> None:
        """Tells what happened to a picture; safe from several threads.

        Raises:
            LedgerError: The file cannot be written.
        """
        now = round(time.time(), 3)
        record = {"picture": number, "state": state, **details, "time": now, "worker": _worker()}
        line = json.dumps(record).encode() + b"\n"
        try:
            written = os.write(self._file, line)
        except OSError as error:
            raise LedgerError(f"the journal {self.path} cannot be written: {error}") from error
        if written != len(line):
            raise LedgerError(f"the journal {self.path} cannot be written: the disk is full")

    def close(self) -> None:
        os.close(self._file)

    def _lock(self) -> None:
        try:
            import fcntl

            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LedgerError(
                f"another process is at work on this run (it holds {self.path}); wait for it or "
                "stop it"
            ) from None
        except (OSError, ImportError):  # some file systems and systems have no such locks
            pass


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _histories(content: bytes) -> dict[int, History]:
    histories: dict[int, History] = {}
    for record in _records(content):
        history = histories.setdefault(record["picture"], History())
        if record["state"] == STARTED:
            history.deaths += _died_alone(history)
        elif record["state"] in _ENDS:
            history.deaths = 0
        elif record["state"] == DROPPED and history.state in _ENDS:
            continue
        if record["state"] == WRITING:
            record["alone"] = history.record.get("alone", False)
        history.state, history.record = record["state"], record
    for history in histories.values():
        history.deaths += _died_alone(history)
    return histories


def _died_alone(history: History) -> bool:
    return history.interrupted and history.record.get("alone", False)


def _records(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        try:
            record = json.loads(line)
        except ValueError:  # cut short by the death of its writer
            continue
        if isinstance(record, dict) and "picture" in record and "state" in record:
            yield record


def _flat(run: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for heading, value in run.items():
        if heading == "about":
            continue
        inner = value.items() if isinstance(value, dict) else [("", value)]
        flat |= {f"{heading} {name}".strip(): content for name, content in inner}
    return flat
