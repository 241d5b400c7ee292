"""Which files a run reads and writes: folders walked, structure mirrored, no surprises."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..images import SUFFIXES

STREAM = "-"

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
    """

    source: Path | None
    target: Path | None
    format: str | None = None
    fault: str | None = None
    number: int = 0

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
        try:
            content = self.file.read_bytes()
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
                if name.startswith(os.sep) or os.pardir in name:
                    yield path, self._below_root(path, number)
                else:
                    yield path, Path(name)

    def _below_root(self, path: Path, line: int) -> Path:
        root = os.path.abspath(self.root)
        relative = os.path.relpath(os.path.abspath(path), root)
        if relative.split(os.sep)[0] == os.pardir:
            raise ValueError(
                f"{self.file}, line {line}: {path} lies outside {root}; name the folder that the "
                "list's pictures share with --root"
            )
        return Path(relative)


def plan_jobs(
    inputs: Iterable[str], output: str, rules: OutputRules, listing: Listing | None = None
) -> list[Job]:
    """Pairs every input picture with its output file.

    Args:
        inputs: Files, folders (walked recursively, in the order of names), or ``-`` alone.
        output: A folder, which mirrors each input folder's structure; a file name, for a single
            input file; or ``-`` for standard output.
        rules: See :class:`OutputRules`.
        listing: Names further pictures.

    Returns:
        One job a picture, numbered. Jobs that cannot be done carry their fault: a target that is
        an input, a folder that cannot be listed, an input that is missing.

    Raises:
        OSError: The list cannot be read.
        ValueError: Nothing to do, streams mixed with files, two pictures with the same output.
    """
    inputs = list(inputs)
    if listing is None and not inputs:
        raise ValueError("name pictures or folders, or a file that lists them (--list)")
    if listing is None and (STREAM in inputs or output == STREAM):
        return [_stream_job(inputs, output, rules)]
    if STREAM in inputs or output == STREAM:
        raise ValueError("standard input and output (-) take one picture at a time, and no list")
    as_file = listing is None and len(inputs) == 1 and _is_file_name(inputs[0], Path(output))
    if as_file:
        target = Path(output)
        file_format = SUFFIXES[target.suffix.lower()]
        if rules.format not in (None, file_format):
            raise ValueError(f"{output} is no name for a {rules.format} file")
        jobs = [Job(Path(inputs[0]), target, file_format)]
    elif Path(output).suffix.lower() in SUFFIXES and not Path(output).is_dir():
        raise ValueError(f"-o {output} is a file name, but several pictures need a folder")
    else:
        jobs = list(_folder_jobs(inputs, Path(output), rules))
        if listing is not None:
            jobs += [
                Job(path, _target(path, relative, Path(output), rules), rules.format)
                for path, relative in listing.paths()
            ]
    if not jobs:
        raise ValueError(f"no pictures ({', '.join(SUFFIXES)}) in {', '.join(inputs)}")
    return _checked_targets(jobs)


def prepare_output(jobs: Iterable[Job]) -> None:
    """Makes the folder of the first output and tries to write there, before any work is done.

    Raises:
        OSError: The folder cannot be made or written; names it.
    """
    target = next((job.target for job in jobs if job.target is not None and not job.fault), None)
    if target is None:
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise OSError(f"the output folder {target.parent} cannot be written: {error}") from error


def _stream_job(inputs: list[str], output: str, rules: OutputRules) -> Job:
    if len(inputs) != 1:
        raise ValueError("standard input and output (-) take one picture at a time")
    source = None if inputs[0] == STREAM else Path(inputs[0])
    if source is not None and source.is_dir():
        raise ValueError(f"{source} is a folder; standard output takes one picture")
    if output == STREAM:
        return Job(source, None, rules.format)
    target = Path(output)
    if target.suffix.lower() not in SUFFIXES or target.is_dir():
        raise ValueError(f"-o {output}: a picture from standard input needs a file name or -")
    return Job(source, target, SUFFIXES[target.suffix.lower()])


def _is_file_name(source: str, output: Path) -> bool:
    return output.suffix.lower() in SUFFIXES and not output.is_dir() and not Path(source).is_dir()


def _folder_jobs(inputs: list[str], output: Path, rules: OutputRules) -> Iterator[Job]:
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            yield from _walk(path, output, rules)
        elif not path.exists():
            yield Job(path, None, fault=f"{path} does not exist")
        else:
            yield Job(path, _target(path, Path(path.name), output, rules), rules.format)


def _walk(root: Path, output: Path, rules: OutputRules) -> Iterator[Job]:
    faults: list[OSError] = []
    inside = output.resolve()
    for folder, folders, files in os.walk(root, onerror=faults.append):
        # A second run must not restore the first one's results.
        folders[:] = sorted(name for name in folders if (Path(folder) / name).resolve() != inside)
        for name in sorted(files):
            path = Path(folder) / name
            special = path.exists() and not path.is_file()  # reading a pipe would wait for ever
            if path.suffix.lower() in SUFFIXES and not name.startswith(".") and not special:
                yield Job(path, _target(path, path.relative_to(root), output, rules), rules.format)
    for error in faults:
        yield Job(Path(error.filename), None, fault=f"cannot be listed: {error.strerror}")


def _target(source: Path, relative: Path, output: Path, rules: OutputRules) -> Path:
    suffix = f".{rules.format}" if rules.format else source.suffix
    if rules.format and SUFFIXES.get(source.suffix.lower()) == rules.format:
        suffix = source.suffix  # photo.jpeg stays .jpeg
    return output / relative.with_name(f"{relative.stem}{rules.suffix}{suffix}")


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
