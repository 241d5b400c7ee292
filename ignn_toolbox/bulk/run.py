"""Runs many jobs: reading, computing and writing overlap, and one bad file stops no other."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from ..images import (
    SUFFIXES,
    Picture,
    check_writable_as,
    decode_picture,
    encode_picture,
    read_picture,
    write_new,
)
from ..restore.inferencer import SRInferencer, Target
from .worklist import Job

DONE, SKIPPED, FAILED = "done", "skipped", "failed"

_READ_AHEAD = 2
_WRITE_BEHIND = 2


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: The job.
        status: ``done``, ``skipped`` (its output exists) or ``failed``.
        message: Why it failed.
    """

    job: Job
    status: str
    message: str = ""


@dataclass(frozen=True)
class WriteOptions:
    """How outputs are written.

    Attributes:
        quality: 1 to 100 for JPEG and WebP; None as in :func:`encode_picture`.
        overwrite: Replace existing files.
        skip_existing: Leave out jobs whose output exists, rather than failing them.
    """

    quality: int | None = None
    overwrite: bool = False
    skip_existing: bool = False

    def __post_init__(self) -> None:
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ValueError(f"quality={self.quality} is outside 1..100")
        if self.overwrite and self.skip_existing:
            raise ValueError("overwrite and skip_existing exclude each other")


class Ledger:
    """Is told what happens to the jobs, from two threads; this one keeps nothing.

    Each job is started, may be about to be written, and is either ended or, when the run is
    stopped before that, dropped.
    """

    def started(self, job: Job) -> None:
        """The job's file is about to be read."""

    def writing(self, job: Job, data: bytes) -> None:
        """``data`` is about to become the job's output."""

    def ended(self, outcome: Outcome) -> None:
        """The job is done, skipped or failed."""

    def dropped(self, job: Job) -> None:
        """The job was started, and nothing came of it."""


class LedgerError(OSError):
    """The ledger cannot be kept, so the run must not go on."""


def run_jobs(
    jobs: Iterable[Job],
    inferencer: SRInferencer,
    target: Target = Target(),
    options: WriteOptions = WriteOptions(),
    ledger: Ledger | None = None,
) -> Iterator[Outcome]:
    """Restores every job's picture, in order.

    Files are read two ahead and written in the background, each under a temporary name. When the
    iterator is closed early, reading stops and writes in progress are completed.

    Args:
        jobs: They are taken one by one, as reading proceeds.
        inferencer: Restores them.
        target: Wanted size.
        options: How files are written.
        ledger: Is told of every step, if given.

    Yields:
        One outcome a job, in order; failures (unreadable, damaged, vanished or too small pictures,
        existing outputs, a full disk) do not stop the run.
    """
    ledger = ledger or Ledger()
    reader, writer = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
    reading: deque[tuple[Job, Future]] = deque()  # the first is being computed
    pending: deque[tuple[Job, Future]] = deque()
    waiting = iter(jobs)

    def read_on() -> None:
        while len(reading) <= _READ_AHEAD and (job := next(waiting, None)) is not None:
            ledger.started(job)
            reading.append((job, reader.submit(_read, job, options, inferencer.max_pixels)))

    def settle() -> Outcome:
        outcome = _outcome(*pending[0])
        if outcome.status != DONE:  # what is done, the writer has told
            ledger.ended(outcome)
        pending.popleft()
        return outcome

    try:
        read_on()
        while reading:
            read_on()
            job, picture = reading[0]
            restored = _restore(job, picture, inferencer, target)
            pending.append((job, writer.submit(_write, job, restored, options, ledger)))
            reading.popleft()
            while len(pending) > _WRITE_BEHIND:
                yield settle()
        while pending:
            yield settle()
    finally:
        reader.shutdown(cancel_futures=True)
        writer.shutdown()
        while pending:
            settle()
        for job, _ in reading:
            ledger.dropped(job)


class _SkippedError(Exception):
    """The job's output exists and is to be left alone."""


def _read(job: Job, options: WriteOptions, max_pixels: int) -> Picture:
    if job.fault:
        raise ValueError(job.fault)
    if job.target is not None and job.target.exists():
        if options.skip_existing:
            raise _SkippedError
        if not options.overwrite or job.target.is_dir():
            advice = "" if job.target.is_dir() else "; use --overwrite or --skip-existing"
            raise FileExistsError(f"the output {job.target} exists{advice}")
    if job.source is None:
        picture = decode_picture(sys.stdin.buffer.read(), job.name, max_pixels)
    else:
        picture = read_picture(job.source, max_pixels)
    named = SUFFIXES.get(job.target.suffix.lower()) if job.target is not None else None
    return replace(picture, format=job.format or named or picture.format)


def _restore(
    job: Job, reading: Future, inferencer: SRInferencer, target: Target
) -> Picture | Exception:
    """The restored picture, or why there is none."""
    try:
        picture = reading.result()
        height, width, channels = picture.pixels.shape
        size = target.as_stored(picture.orientation).size(height, width, inferencer.scale)
        check_writable_as(channels, size, picture.format, job.name)
        return inferencer.restore_picture(picture, target)
    except Exception as error:
        return error


def _write(job: Job, picture: Picture | Exception, options: WriteOptions, ledger: Ledger) -> None:
    if isinstance(picture, Exception):
        raise picture
    data = encode_picture(picture, options.quality)
    if job.target is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        ledger.writing(job, data)
        write_new(data, job.target, options.overwrite)
    ledger.ended(Outcome(job, DONE))


def _outcome(job: Job, done: Future) -> Outcome:
    try:
        done.result()
    except _SkippedError:
        return Outcome(job, SKIPPED)
    except LedgerError:
        raise
    except (OSError, ValueError, TypeError, MemoryError, RuntimeError) as error:
        text = str(error) or type(error).__name__
        return Outcome(job, FAILED, text if job.name in text else f"{job.name}: {text}")
    return Outcome(job, DONE)
