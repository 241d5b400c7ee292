"""Which files a run reads and writes: folders walked, structure mirrored, no surprises."""

import codecs
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..images import SUFFIXES
from ..images.walk import Walk, kind_of_special, walk
from .journal import StopRun

STREAM = "-"
FOREIGN, SAME, OURS = "foreign", "same", "ours"  # what an output that exists may be

_SHOWN = 5  # of many collisions


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to restore.

    Attributes:
        source: The file to read; None for standard input.
        target: The file to write; None for standard output.
        format: Format to write; None keeps the input's, which is known only after reading.
        fault: Why the job cannot be done; it is reported and nothing is read.
        number: Its place in the run's list, from 0.
        existing: What the target is if it exists: ``foreign``, and the options say what then;
            ``ours``, an earlier result that is out of date; ``same``, an earlier result if it
            equals the new one, else foreign.
    """

    source: Path | None
    target: Path | None
    format: str | None = None
    fault: str | None = None
    number: int = 0
    existing: str = FOREIGN

    @property
    def name(self) -> str:
        return "standard input" if self.source is None else str(self.source)


@dataclass(frozen=True)
class OutputRules:
    """How targets are named.

    Attributes:
        format: Write all pictures in this format; None keeps each one's own.
        suffix: Added to the file's stem.
    """

    format: str | None = None
    suffix: str = ""


@dataclass(frozen=True)
class Listing:
    """A text file that names pictures, one path a line.

    Attributes:
        file: The text file, in UTF-8 or the file system's own coding; empty lines do not count.
        root: What relative paths are relative to. Outputs mirror the structure below it.
    """

    file: Path
    root: Path = Path()

    def paths(self) -> Iterator[tuple[Path, Path]]:
        """Every picture's path, as it is read and relative to the root.

        Raises:
            OSError: The list cannot be read.
            ValueError: It is not text, it names nothing, or a picture outside the root.
        """
        if self.file.is_dir():
            raise IsADirectoryError(f"the list {self.file} is a folder; name it without --list")
        if kind := kind_of_special(self.file):  # reading a pipe may wait for ever
            raise ValueError(f"the list {self.file} is {kind}, not a file")
        try:
            content = self.file.read_bytes().removeprefix(codecs.BOM_UTF8)
        except FileNotFoundError:
            raise FileNotFoundError(f"the list {self.file} does not exist") from None
        except OSError as error:
            raise OSError(f"the list {self.file} cannot be read: {error.strerror}") from error
        if b"\0" in content:
            raise ValueError(f"the list {self.file} is not text; it needs one path a line")
        lines = [line.rstrip(b"\r") for line in content.split(b"\n")]
        if not any(lines):
            raise ValueError(f"the list {self.file} is empty; it needs one path a line")
        for number, line in enumerate(lines, 1):
            if line:
                path = self.root / (name := os.fsdecode(line))
                outside = name.startswith(os.sep) or os.pardir in name
                relative = self._below_root(path, number) if outside else Path(name)
                if not relative.name:
                    raise ValueError(f"{self.file}, line {number}: {name} is a folder, no picture")
                yield path, relative

    def _below_root(self, path: Path, line: int) -> Path:
        root = os.path.abspath(self.root)
        relative = os.path.relpath(os.path.abspath(path), root)
        if relative.split(os.sep)[0] == os.pardir:
            raise ValueError(
                f"{self.file}, line {line}: {path} lies outside {root}; name the folder that the "
                "list's pictures share with --root"
            )
        return Path(relative)


@dataclass(frozen=True)
class Worklist:
    """What a run has to do.

    Attributes:
        jobs: One a picture, numbered. Those that cannot be done carry their fault: a target that
            is an input, a folder that cannot be listed, an input that is missing or no file.
        folder: The folder that outputs are written into; None for standard output.
        passed_over: What lies in the inputs' folders besides, one sentence a folder.
    """

    jobs: list[Job]
    folder: Path | None
    passed_over: list[str]


def plan_jobs(
    inputs: Iterable[str], output: str, rules: OutputRules, listing: Listing | None = None
) -> Worklist:
    """Pair every input picture with its output file.

    Args:
        inputs: Files, folders (walked, linked folders too, in the order of names), or ``-`` alone.
        output: A folder, which mirrors each input folder's structure; a file name, for a single
            input file; or ``-`` for standard output.
        rules: See `OutputRules`.
        listing: Names further pictures.

    Raises:
        OSError: The list cannot be read.
        ValueError: Nothing to do, streams mixed with files, an output of unknown format, two
            pictures with the same output.
    """
    inputs = list(inputs)
    if listing is None and not inputs:
        raise ValueError("name pictures or folders, or a file that lists them (--list)")
    if listing is None and (STREAM in inputs or output == STREAM):
        job = _stream_job(inputs, output, rules)
        return Worklist([job], job.target and job.target.parent, [])
    if STREAM in inputs or output == STREAM:
        raise ValueError("standard input and output (-) take one picture at a time, and no list")
    is_single = listing is None and len(inputs) == 1 and not Path(inputs[0]).is_dir()
    if _is_file_name(output):
        if not is_single:
            raise ValueError(f"-o {output} is a file name, but several pictures need a folder")
        return Worklist([_file_job(inputs[0], Path(output), rules)], Path(output).parent, [])
    is_folder = output.endswith(os.sep) or Path(output).is_dir() or not Path(output).suffix
    if is_single and not is_folder:
        raise ValueError(
            f"-o {output}: no picture can be written as {Path(output).suffix}; choose one of "
            f"{', '.join(SUFFIXES)}, or end the name of a folder with {os.sep}"
        )
    walks: list[Walk] = []
    jobs = list(_folder_jobs(inputs, Path(output), rules, walks))
    if listing is not None:
        jobs += [_job(path, relative, Path(output), rules) for path, relative in listing.paths()]
    passed_over = [text for found in walks if (text := found.passed_over())]
    if not jobs:
        where = f"no pictures ({', '.join(SUFFIXES)}) in {', '.join(inputs)}"
        raise ValueError("; ".join([where, *passed_over]))
    return Worklist(_checked_targets(jobs), Path(output), passed_over)


class OutputFolder:
    """The folder that a run writes into; it must stay there, and the same, until the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity: tuple[int, int] | None = None

    def prepare(self) -> None:
        """Make the folder and try to write there, before any work is done.

        Raises:
            OSError: It cannot be made or written; names it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise OSError(f"the output folder {self.path} cannot be written: {error}") from error
        self.check()

    def check(self) -> None:
        """Make sure that the folder is the one that it was at the first call.

        Raises:
            StopRun: It has vanished, or another is in its place.
        """
        try:
            stat = self.path.stat()
        except OSError:
            stat = None
        identity = None if stat is None else (stat.st_dev, stat.st_ino)
        if identity is None or identity != (self._identity or identity):
            raise StopRun(
                f"the output folder {self.path} was removed or replaced while the run wrote there"
            )
        self._identity = identity

    def make_room(self, target: Path) -> None:
        """Make the folders of an output below this one, which is never made anew.

        Raises:
            StopRun: As `check`.
            OSError: A folder cannot be made.
        """
        self.check()
        missing = []
        folder = target.parent
        while folder != self.path and not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)


def _stream_job(inputs: list[str], output: str, rules: OutputRules) -> Job:
    if len(inputs) != 1:
        raise ValueError("standard input and output (-) take one picture at a time")
    source = None if inputs[0] == STREAM else Path(inputs[0])
    if source is not None and source.is_dir():
        raise ValueError(f"{source} is a folder; standard output takes one picture")
    if output == STREAM:
        return Job(source, None, rules.format)
    if not _is_file_name(output):
        raise ValueError(f"-o {output}: a picture from standard input needs a file name or -")
    return Job(source, Path(output), SUFFIXES[Path(output).suffix.lower()])


def _is_file_name(output: str) -> bool:
    path = Path(output)
    return path.suffix.lower() in SUFFIXES and not path.is_dir() and not output.endswith(os.sep)


def _file_job(source: str, target: Path, rules: OutputRules) -> Job:
    file_format = SUFFIXES[target.suffix.lower()]
    if rules.format not in (None, file_format):
        raise ValueError(f"{target} is no name for a {rules.format} file")
    (job,) = _checked_targets([Job(Path(source), target, file_format)])
    return job


def _folder_jobs(
    inputs: list[str], output: Path, rules: OutputRules, walks: list[Walk]
) -> Iterator[Job]:
    for path in map(Path, inputs):
        if path.is_dir():
            # A second run must not restore the first one's results.
            walks.append(found := walk(path, without=output))
            for picture in found.pictures:
                yield _job(picture, picture.relative_to(path), output, rules)
            yield from (Job(folder, None, fault=fault) for folder, fault in found.faults)
        elif not path.exists():
            yield Job(path, None, fault=f"{path} does not exist")
        else:
            yield _job(path, Path(path.name), output, rules)


def _job(source: Path, relative: Path, output: Path, rules: OutputRules) -> Job:
    suffix = f".{rules.format}" if rules.format else source.suffix
    if rules.format and SUFFIXES.get(source.suffix.lower()) == rules.format:
        suffix = source.suffix  # photo.jpeg stays .jpeg
    name = f"{relative.stem}{rules.suffix}{suffix}"
    return Job(source, output / relative.with_name(name), rules.format)


def _checked_targets(jobs: list[Job]) -> list[Job]:
    """Numbers the jobs; marks those that would write over an input.

    Raises:
        ValueError: Several jobs have one target.
    """
    folders: dict[str, str] = {}
    sources = {
        _resolved(job.source, folders): job.source for job in jobs if job.source and not job.fault
    }
    first: dict[str, int] = {}
    twice: list[str] = []
    for number, job in enumerate(jobs):
        fault = job.fault
        if job.target is not None and not fault:
            target = _resolved(job.target, folders)
            if target in sources:
                fault = f"the output {job.target} is the input {sources[target]}"
            elif (other := first.setdefault(target, number)) != number:
                twice.append(f"{job.target} from {jobs[other].name} and from {job.name}")
        jobs[number] = replace(job, fault=fault, number=number)
    if twice:
        more = f"; and {len(twice) - _SHOWN} more" if len(twice) > _SHOWN else ""
        raise ValueError(
            f"nothing was done, because pictures would share an output: {'; '.join(twice[:_SHOWN])}"
            f"{more}. Leave one out, rename it, or restore them into different folders"
        )
    return jobs


def _resolved(path: Path, folders: dict[str, str]) -> str:
    """``os.path.realpath``, which is slow, once a folder instead of once a file."""
    folder, name = os.path.split(path)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    whole = f"{folders[folder]}{os.sep}{name}"
    return os.path.realpath(whole) if os.path.islink(whole) else whole
