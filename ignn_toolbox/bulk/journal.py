"""What became of every picture of a run, kept in its output folder so that a stopped run continues.

Outputs appear whole, so an output is its own record. The journal adds what files cannot tell:
``run.json`` says which run it is; ``part-NNNN.jsonl`` has a line for every picture of a stretch of
the list that was dealt with, with stamps of its input and output by which a later change of either
is noticed; ``begun/N`` lies there while a process has picture ``N`` in its hands, and so tells over
which pictures a process died. A part has one writer at a time.
"""

import contextlib
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..files import write_bytes

FOLDER = ".ignn_journal"
DONE, SKIPPED, FAILED = "done", "skipped", "failed"

_FORMAT = 2
_MOST_PARTS = 1024


class StopRun(OSError):
    """What the run cannot do without is gone or in use."""


@dataclass(frozen=True)
class Stamp:
    """What a file was like: enough to notice a change.

    Attributes:
        size: In bytes.
        mtime: When it was changed last, in nanoseconds.
        crc32: Of its content; None where that is not known.
    """

    size: int
    mtime: int
    crc32: int | None = None

    @classmethod
    def of(cls, path: Path | None, content: bytes | None = None) -> "Stamp | None":
        """Return a file's stamp, with the checksum of ``content``; None where there is no file."""
        try:
            stat = os.stat(path) if path is not None else None
        except OSError:
            return None
        crc32 = None if content is None else zlib.crc32(content)
        return None if stat is None else cls(stat.st_size, stat.st_mtime_ns, crc32)

    def fits(self, path: Path) -> bool:
        """Tell whether a file is as it was; where only its time differs, its content decides."""
        now = Stamp.of(path)
        if now is None or now.size != self.size:
            return False
        try:
            return now.mtime == self.mtime or self.crc32 == zlib.crc32(path.read_bytes())
        except OSError:  # it cannot be read, or is a folder
            return False


@dataclass(frozen=True)
class Record:
    """What became of a picture.

    Attributes:
        picture: Its number in the list.
        status: ``done``, ``skipped`` (its output was there) or ``failed``.
        input: Name of the file that was read.
        output: Name of its output, relative to the output folder.
        reason: Why it failed.
        read: The input's stamp, if there was one.
        written: The output's stamp, where this run wrote it.
        time: Seconds since 1970.
        worker: ``host:process``.
    """

    picture: int
    status: str
    input: str
    output: str
    reason: str = ""
    read: Stamp | None = None
    written: Stamp | None = None
    time: float = 0.0
    worker: str = ""


@dataclass(frozen=True)
class Journal:
    """The journal of a run over ``total`` pictures, in ``folder``."""

    folder: Path
    total: int

    @property
    def parts(self) -> int:
        """Number of parts; it depends on the list alone, not on who works on it."""
        return min(self.total, _MOST_PARTS)

    def numbers(self, part: int) -> range:
        """The pictures of a part, by their numbers."""
        first, end = (-(-p * self.total // self.parts) for p in (part, part + 1))
        return range(first, end)

    def part_of(self, number: int) -> int:
        """The part that tells of a picture."""
        return number * self.parts // self.total

    def claim(self, run: Mapping[str, Any]) -> bool:
        """Begin the journal, or take up the one that is there.

        Args:
            run: What decides the results, by heading: values that JSON can hold, or dicts of
                them. What stands under ``about`` is kept for the reader and not compared.

        Returns:
            Whether there was one.

        Raises:
            ValueError: The journal there belongs to another run; the differences are named.
            OSError: It cannot be read or written.
        """
        (self.folder / "begun").mkdir(parents=True, exist_ok=True)
        if (self.folder / "run.json").exists():
            self.check(run)
            return True
        content = json.dumps({"format": _FORMAT, **run}, indent=1) + "\n"
        write_bytes(self.folder / "run.json", content.encode())
        return False

    def check(self, run: Mapping[str, Any]) -> None:
        """Compare a run with the journal's; raises as `claim`."""
        path = self.folder / "run.json"
        anew = f"remove {self.folder} to begin anew, with --skip-existing to keep the pictures"
        try:
            former = json.loads(path.read_bytes())
            if not isinstance(former, dict):
                raise ValueError("it holds no object")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is damaged ({error}); {anew} that are there") from error
        then, now = _flat(former), _flat({"format": _FORMAT, **run})
        changes = [
            f"{name}: {then.get(name, 'not given')} then, {now.get(name, 'not given')} now"
            for name in sorted(then.keys() | now.keys())
            if then.get(name) != now.get(name)
        ]
        if changes:
            raise ValueError(
                f"{self.folder} is the journal of another run ({'; '.join(changes)}). Repeat that "
                f"run's command to continue it, choose another output folder, or {anew} that are "
                "there"
            )

    def read(self, part: int) -> dict[int, Record]:
        """Return the last record of each picture; lines that make no sense are passed over."""
        try:
            lines = self._path(part).read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}
        told = (_record(line, self.numbers(part)) for line in lines if line)
        return {record.picture: record for record in told if record is not None}

    def add(self, record: Record) -> None:
        """Add a record to its part.

        Raises:
            StopRun: It cannot be written.
        """
        path = self._path(self.part_of(record.picture))
        # It begins with a line's end: the last writer may have died over its line.
        line = b"\n" + json.dumps(asdict(record)).encode()
        try:
            with path.open("ab", buffering=0) as file:
                written = file.write(line)
        except OSError as error:
            raise StopRun(f"the journal {path} cannot be written: {error}") from error
        if written != len(line):
            raise StopRun(f"the journal {path} cannot be written: the disk is full")

    def begin(self, number: int, tries: int = 0) -> None:
        """Say that a picture is in this process's hands, alone for the ``tries``-th time if any.

        Raises:
            StopRun: It cannot be written.
        """
        try:
            (self.folder / "begun" / str(number)).write_text(str(tries) if tries else "")
        except OSError as error:
            raise StopRun(f"the journal {self.folder} cannot be written: {error}") from error

    def end(self, number: int) -> None:
        """Say that a picture is in nobody's hands."""
        (self.folder / "begun" / str(number)).unlink(missing_ok=True)

    def begun(self) -> dict[int, int]:
        """Return the pictures in some process's hands: how often each was so alone."""
        notes = {}
        for path in (self.folder / "begun").iterdir():
            with contextlib.suppress(OSError, ValueError):  # it ends, or is no note
                number = int(path.name)
                text = path.read_text(errors="replace")[:3]
                notes[number] = int(text) if text.isdecimal() else 0
        return notes

    def _path(self, part: int) -> Path:
        return self.folder / f"part-{part:04}.jsonl"


def _record(line: bytes, numbers: range) -> Record | None:
    """Return the record that a line holds, or None where it makes no sense."""
    try:
        fields = json.loads(line)
        stamps = {name: fields[name] and Stamp(**fields[name]) for name in ("read", "written")}
        record = Record(**{**fields, **stamps})
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    texts = (record.input, record.output, record.reason)
    is_whole = (
        type(record.picture) is int
        and record.picture in numbers
        and record.status in (DONE, SKIPPED, FAILED)
        and all(isinstance(text, str) for text in texts)
        and (record.status != DONE or bool(record.written))
    )
    return record if is_whole else None


def _flat(run: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for heading, value in run.items():
        if heading == "about":
            continue
        inner = value.items() if isinstance(value, dict) else [("", value)]
        flat |= {f"{heading} {name}".strip(): content for name, content in inner}
    return flat
