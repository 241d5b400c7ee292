"""Works on parts of a journaled run: goes on where an earlier process stopped or died."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import remove_partial
from .journal import DONE, FAILED, SKIPPED, Journal, Record, Stamp
from .run import Ledger, Outcome, WriteOptions, run_jobs
from .worklist import OURS, SAME, Job, OutputFolder

if TYPE_CHECKING:
    from ..restore.inferencer import SRInferencer
    from ..restore.target import Target

OPEN = "open"

_MOST_DEATHS = 2  # of processes that had one picture alone in their hands


@dataclass
class JournaledRun:
    """A run that a journal is kept of.

    Attributes:
        journal: Where.
        output: The folder that is written into.
        load: Makes the inferencer, given `sharing`; called once, when there is work.
        target: Wanted size.
        options: How files are written.
        continued: Whether an earlier start of the run may have written outputs.
        retry_failed: Whether pictures that failed are tried again.
        sharing: Number of processes that share this one's memory.
    """

    journal: Journal
    output: Path
    load: Callable[[int], SRInferencer]
    target: Target
    options: WriteOptions = WriteOptions()
    continued: bool = False
    retry_failed: bool = False
    sharing: int = 1
    _inferencer: SRInferencer | None = None

    def work(
        self,
        jobs: Mapping[int, Job],
        parts: Iterable[int],
        tell: Callable[[str], None] = lambda text: None,
    ) -> Iterator[Outcome]:
        """Deal with all pictures of some parts.

        What a dead process had in its hands comes first, one picture at a time: one over which a
        process dies twice so is recorded as failed, and the others go on.

        Args:
            jobs: At least the jobs of these parts, by number.
            parts: Their numbers. No other process works on them.
            tell: Called with sentences about pictures: restored again, not all of it kept.

        Yields:
            An outcome for each picture that had none, or whose input or output was changed since;
            it is in the journal by then.

        Raises:
            StopRun: The journal cannot be written, or the output folder is gone.
        """
        parts = list(parts)
        folder = OutputFolder(self.output)
        folder.check()
        mine = set(chain.from_iterable(map(self.journal.numbers, parts)))
        for number, tries in sorted(self.journal.begun().items()):
            if number in mine:
                yield from self._resume(jobs[number], tries, folder, tell)
        ledger = _JournalLedger(self.journal, self.output)
        yield from self._run(self._outstanding(jobs, parts, tell), folder, ledger, tell)

    def tally(self) -> tuple[Counter[str], list[str]]:
        """Count all pictures of the run by status; ``open`` ones were not dealt with.

        Returns:
            The counts, and why each of the failed failed. An output that was written and is not
            there counts as failed.
        """
        counts, failures = Counter[str](), []
        for part in range(self.journal.parts):
            records = self.journal.read(part)
            counts[OPEN] += len(self.journal.numbers(part)) - len(records)
            for record in records.values():
                status, reason = record.status, record.reason
                output = self.output / record.output
                if status == DONE and not output.exists():
                    status, reason = FAILED, f"{output} was written and is gone"
                counts[status] += 1
                failures += [reason] if status == FAILED else []
        return counts, failures

    def _resume(
        self, job: Job, tries: int, folder: OutputFolder, tell: Callable[[str], None]
    ) -> Iterator[Outcome]:
        """Deal with a picture that a dead process had in its hands."""
        ledger = _JournalLedger(self.journal, self.output, tries + 1)
        if job.target is not None:
            remove_partial(job.target)
        record = self.journal.read(self.journal.part_of(job.number)).get(job.number)
        due = self._due(job, record, True, lambda text: None)
        if due is None:
            self.journal.end(job.number)
        elif tries >= _MOST_DEATHS:
            reason = f"the process died {tries} times while it worked on this alone"
            outcome = Outcome(due, FAILED, f"{job.name}: {reason}")
            ledger.ended(outcome)
            yield outcome
        else:
            yield from self._run(iter([due]), folder, ledger, tell)

    def _outstanding(
        self, jobs: Mapping[int, Job], parts: list[int], tell: Callable[[str], None]
    ) -> Iterator[Job]:
        for number in parts:
            records = self.journal.read(number)
            for n in self.journal.numbers(number):
                due = self._due(jobs[n], records.get(n), self.continued, tell)
                if due is not None:
                    yield due

    def _due(
        self, job: Job, record: Record | None, continued: bool, tell: Callable[[str], None]
    ) -> Job | None:
        """The job as it is to be done, or None where it is settled."""
        if record is None:  # or it is lost, and an output that is there may be a result
            return replace(job, existing=SAME) if continued else job
        ours = replace(job, existing=OURS) if record.written else job
        if record.status == FAILED:
            return ours if self.retry_failed or _is_changed(job.source, record.read) else None
        is_there = job.target is not None and job.target.exists()
        if record.status == SKIPPED:
            return None if is_there else job
        if not is_there:
            tell(f"{job.target} was removed since it was written; {job.name} is restored again")
        elif _is_changed(job.target, record.written):
            tell(f"{job.target} was changed since it was written; {job.name} is restored again")
        elif _is_changed(job.source, record.read):
            tell(f"{job.name} was changed since it was restored; it is restored again")
        else:
            return None
        return ours

    def _run(
        self,
        jobs: Iterator[Job],
        folder: OutputFolder,
        ledger: Ledger,
        tell: Callable[[str], None],
    ) -> Iterator[Outcome]:
        first = next(jobs, None)
        if first is not None:
            if self._inferencer is None:
                self._inferencer = self.load(self.sharing)
                self._inferencer.report = tell
            everything = chain([first], jobs)
            inferencer, options = self._inferencer, self.options
            yield from run_jobs(everything, inferencer, self.target, options, folder, ledger)


def _is_changed(path: Path | None, then: Stamp | None) -> bool:
    """Whether a file is another than it was; one that is gone is not changed."""
    if path is None or not path.exists():
        return False
    return then is None or not then.fits(path)


class _JournalLedger(Ledger):
    """Tells the journal of every step."""

    def __init__(self, journal: Journal, output: Path, tries: int = 0) -> None:
        self._journal = journal
        self._output = output
        self._tries = tries

    def begun(self, job: Job) -> None:
        self._journal.begin(job.number, self._tries)

    def writing(self, job: Job, read: Stamp | None, data: bytes, path: Path) -> None:
        self._add(job, DONE, read=read, written=Stamp.of(path, data))

    def ended(self, outcome: Outcome) -> None:
        job = outcome.job
        if outcome.status != DONE:  # that is told already
            written = Stamp.of(job.target) if job.existing == OURS else None
            read = Stamp.of(job.source)
            self._add(job, outcome.status, outcome.message, read, written)
        self._journal.end(job.number)

    def dropped(self, job: Job) -> None:
        self._journal.end(job.number)

    def _add(
        self,
        job: Job,
        status: str,
        reason: str = "",
        read: Stamp | None = None,
        written: Stamp | None = None,
    ) -> None:
        output = "" if job.target is None else os.path.relpath(job.target, self._output)
        worker = f"{socket.gethostname()}:{os.getpid()}"
        now = round(time.time(), 3)
        record = Record(job.number, status, job.name, output, reason, read, written, now, worker)
        self._journal.add(record)
