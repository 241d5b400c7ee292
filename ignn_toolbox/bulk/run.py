"""Runs many jobs: reading, computing and writing overlap, and one bad file stops no other."""

from __future__ import annotations

import sys
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..errors import describe
from ..files import write_whole
from ..images import (
    SUFFIXES,
    Picture,
    as_writable,
    decode_picture,
    encode_picture,
    read_file,
    read_stream,
    upright,
)
from .journal import DONE, FAILED, SKIPPED, Stamp, StopRun
from .worklist import OURS, SAME, Job, OutputFolder

if TYPE_CHECKING:
    from ..restore.inferencer import SRInferencer
    from ..restore.target import Target

_READ_AHEAD = 2
_WRITE_BEHIND = 2


@dataclass(frozen=True)
class Restored:
    """How a picture was restored.

    Attributes:
        model: The network's name.
        width: Of the result as stored, in pixels.
        height: Of the result.
        seconds: What restoring took, without reading and writing.
    """

    model: str
    width: int
    height: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: The job.
        status: ``done``, ``skipped`` (its output exists) or ``failed``.
        message: Why it failed.
        restored: How it was restored, where it was.
    """

    job: Job
    status: str
    message: str = ""
    restored: Restored | None = None


@dataclass(frozen=True)
class WriteOptions:
    """How outputs are written.

    Attributes:
        quality: 1 to 100 for JPEG and WebP; None as in `encode_picture`.
        overwrite: Replace existing files.
        skip_existing: Leave out jobs whose output exists, rather than failing them.
        background: Red, green, blue that pictures are laid over where their format has no
            transparency.
    """

    quality: int | None = None
    overwrite: bool = False
    skip_existing: bool = False
    background: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ValueError(f"quality={self.quality} is outside 1..100")
        if self.overwrite and self.skip_existing:
            raise ValueError("overwrite and skip_existing exclude each other")


class Ledger:
    """Is told what happens to the jobs, from two threads; this one keeps nothing.

    Each job is begun, may be about to be written, and is either ended or, when the run is stopped
    before that, dropped.
    """

    def begun(self, job: Job) -> None:
        """Hear that the job's file is about to be read."""

    def writing(self, job: Job, read: Stamp | None, data: bytes, path: Path) -> None:
        """Hear that ``path``, with ``data`` in it, is about to become the job's output."""

    def ended(self, outcome: Outcome) -> None:
        """Hear that the job is done, skipped or failed."""

    def dropped(self, job: Job) -> None:
        """Hear that the job was begun, and nothing came of it."""


def run_jobs(
    jobs: Iterable[Job],
    inferencer: SRInferencer,
    target: Target,
    options: WriteOptions = WriteOptions(),
    folder: OutputFolder | None = None,
    ledger: Ledger | None = None,
) -> Iterator[Outcome]:
    """Restore every job's picture, in order.

    Files are read two ahead and written in the background, each whole or not at all. When the
    iterator is closed early, reading stops and writes in progress are completed.

    Args:
        jobs: They are taken one by one, as reading proceeds.
        inferencer: Restores them.
        target: Wanted size.
        options: How files are written.
        folder: Where they are written; needed unless they go to standard output.
        ledger: Is told of every step, if given.

    Yields:
        One outcome a job, in order; failures (unreadable, damaged, vanished or too small pictures,
        existing outputs, a full disk) do not stop the run.

    Raises:
        StopRun: The output folder has vanished, or the ledger cannot be kept.
    """
    ledger = ledger or Ledger()
    reader, writer = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
    reading: deque[tuple[Job, Future[_Source]]] = deque()  # the first is being computed
    pending: deque[tuple[Job, Restored | None, Future[None]]] = deque()
    waiting = iter(jobs)

    def read_on() -> None:
        while len(reading) <= _READ_AHEAD and (job := next(waiting, None)) is not None:
            if folder is not None:
                folder.check()
            ledger.begun(job)
            reading.append((job, reader.submit(_read, job, options, inferencer.max_pixels)))

    def write(job: Job, source: _Source | Exception) -> None:
        if isinstance(source, Exception):
            raise source
        data = encode_picture(source.picture, options.quality)
        if job.target is None or folder is None:
            _write_stream(data)
        else:
            folder.make_room(job.target)
            if source.spread is not None:
                beside = job.target.with_name(f"{job.target.stem}_spread.tif")
                with _whole(job, beside, source.spread, options) as path:
                    pass
            try:
                with _whole(job, job.target, data, options) as path:
                    ledger.writing(job, source.stamp, data, path)
            except OSError:
                folder.check()  # if it went just now, that says more
                raise

    def settle() -> Outcome:
        job, restored, written = pending[0]
        outcome = _outcome(job, written)
        if outcome.status == DONE:
            outcome = replace(outcome, restored=restored)
        ledger.ended(outcome)
        pending.popleft()
        return outcome

    try:
        read_on()
        while reading:
            read_on()
            job, source = reading[0]
            made = _restore(job, source, inferencer, target, options)
            how = made.restored if isinstance(made, _Source) else None
            pending.append((job, how, writer.submit(write, job, made)))
            del made
            reading.popleft()
            while len(pending) > _WRITE_BEHIND:
                yield settle()
        while pending:
            yield settle()
    except StopRun:
        pending.clear()
        reading.clear()
        if folder is not None:
            folder.check()  # if it is gone, that says more
        raise
    finally:
        reader.shutdown(cancel_futures=True)
        writer.shutdown()
        while pending:
            settle()
        for job, _ in reading:
            ledger.dropped(job)


class _SkippedError(Exception):
    """The job's output exists and is to be left alone."""


@dataclass(frozen=True)
class _Source:
    """A picture that was read, what its file was like before, and how it was restored."""

    picture: Picture
    stamp: Stamp | None
    restored: Restored | None = None
    spread: bytes | None = None  # a TIFF file to write beside


def _read(job: Job, options: WriteOptions, max_pixels: int) -> _Source:
    if job.fault:
        raise ValueError(job.fault)
    _check_target(job, options)
    stamp = None
    if job.source is None:
        picture = read_stream(_standard_input(), job.name, max_pixels)
    else:
        stamp = Stamp.of(job.source)
        content = read_file(job.source, max_pixels)
        stamp = stamp and replace(stamp, crc32=zlib.crc32(content))
        picture = decode_picture(content, job.name, max_pixels)
    named = SUFFIXES.get(job.target.suffix.lower()) if job.target is not None else None
    return _Source(replace(picture, format=job.format or named or picture.format), stamp)


def _check_target(job: Job, options: WriteOptions) -> None:
    """Refuse, before any work is done, an output that cannot be written."""
    if job.target is None and sys.stdout is None:
        raise ValueError("standard output is closed; name a file with -o")
    if job.target is None or job.existing == OURS or not job.target.exists():
        return
    if options.skip_existing:
        raise _SkippedError
    may_go_on = options.overwrite or job.existing == SAME
    if not may_go_on or job.target.is_dir():
        advice = "" if job.target.is_dir() else "; use --overwrite or --skip-existing"
        raise FileExistsError(f"the output {job.target} exists{advice}")


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise ValueError("standard input is closed; name a file")
    return sys.stdin.buffer


def _write_stream(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _restore(
    job: Job,
    reading: Future[_Source],
    inferencer: SRInferencer,
    target: Target,
    options: WriteOptions,
) -> _Source | Exception:
    """The restored picture, or why there is none."""
    try:
        source = reading.result()
        picture = source.picture
        height, width, _ = picture.pixels.shape
        size = target.as_stored(picture.orientation).size(height, width, inferencer.scale)
        picture = as_writable(picture, picture.format, size, job.name, options.background)
        for note in picture.notes:
            inferencer.report(f"{job.name}: {note}")
        started = time.perf_counter()
        picture = inferencer.restore_picture(picture, target)
        seconds = time.perf_counter() - started
        height, width, _ = picture.pixels.shape
        how = Restored(inferencer.used, width, height, seconds)
        spread = None
        if inferencer.spread is not None:
            turned = upright(inferencer.spread[:, :, None], picture.orientation)
            spread = encode_picture(Picture(turned, "tiff"))
        return replace(source, picture=picture, restored=how, spread=spread)
    except Exception as error:
        return error


@contextmanager
def _whole(job: Job, target: Path, data: bytes, options: WriteOptions) -> Iterator[Path]:
    """Write a file under another name, for a look at it before it appears under its own."""
    may_replace = options.overwrite or job.existing == OURS
    if target.exists() and not may_replace:
        if job.existing == SAME and target.read_bytes() == data:
            yield target
            return
        raise FileExistsError(f"the output {target} exists")
    with write_whole(target, make_folders=False) as path:
        path.write_bytes(data)
        yield path


def _outcome(job: Job, written: Future[None]) -> Outcome:
    try:
        written.result()
    except _SkippedError:
        return Outcome(job, SKIPPED)
    except StopRun:
        raise
    except Exception as error:
        text = describe(error) or type(error).__name__
        return Outcome(job, FAILED, text if job.name in text else f"{job.name}: {text}")
    return Outcome(job, DONE)
