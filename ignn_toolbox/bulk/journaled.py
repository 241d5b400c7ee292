"""Works on parts of a journaled run: goes on where an earlier process stopped or died."""

import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ..files import remove_partial
from ..restore.inferencer import SRInferencer, Target
from .journal import DROPPED, STARTED, WRITING, History, Journal, Part
from .run import DONE, FAILED, SKIPPED, Ledger, Outcome, WriteOptions, run_jobs
from .worklist import Job

_MOST_DEATHS = 2  # of processes that had one picture alone in their hands


@dataclass
class JournaledRun:
    """A run whose every step is kept in a journal.

    Attributes:
        journal: Where.
        load: Makes the inferencer, given :attr:`sharing`; called once, when there is work.
        target: Wanted size.
        options: How files are written.
        retry_failed: Whether pictures that failed are tried again.
        sharing: Number of processes that share this one's memory.
    """

    journal: Journal
    load: Callable[[int], SRInferencer]
    target: Target = Target()
    options: WriteOptions = WriteOptions()
    retry_failed: bool = False
    sharing: int = 1
    _inferencer: SRInferencer | None = None

    def work(self, jobs: Mapping[int, Job], parts: Iterable[int]) -> Iterator[Outcome]:
        """Deals with all pictures of some parts.

        What a dead process left unfinished comes first, one picture at a time: one over which a
        process dies twice so is recorded as failed, and the others go on.

        Args:
            jobs: At least the jobs of these parts, by number.
            parts: Their numbers.

        Yields:
            An outcome for each picture that had none; it is in the journal by then.

        Raises:
            LedgerError: A part is in use by another process, or the journal cannot be written.
        """
        parts = list(parts)
        for part in parts:
            if self.journal.path(part).exists():
                yield from self._settle_interrupted(jobs, part)
        ledger = _PartsLedger(self.journal)
        try:
            yield from self._run(self._outstanding(jobs, parts, ledger), ledger)
        finally:
            ledger.close()

    def _settle_interrupted(self, jobs: Mapping[int, Job], part: int) -> Iterator[Outcome]:
        ledger = _PartsLedger(self.journal, alone=True)
        try:
            histories = ledger.open(part).histories
            for number, history in histories.items():
                if history.interrupted:
                    yield from self._settle(jobs[number], history, ledger)
        finally:
            ledger.close()

    def _settle(self, job: Job, history: History, ledger: "_PartsLedger") -> Iterator[Outcome]:
        if job.target is not None:
            remove_partial(job.target)
        if _is_written(job, history):
            ledger.take_up(job, history)
            outcome = Outcome(job, DONE)
        elif history.deaths >= _MOST_DEATHS:
            reason = f"the process died {history.deaths} times while it worked on this alone"
            outcome = Outcome(job, FAILED, f"{job.name}: {reason}")
        else:
            yield from self._run(iter([job]), ledger)
            return
        ledger.ended(outcome)
        yield outcome

    def _outstanding(
        self, jobs: Mapping[int, Job], parts: list[int], ledger: "_PartsLedger"
    ) -> Iterator[Job]:
        for part in parts:
            histories = ledger.open(part).histories
            numbers = self.journal.numbers(part)
            todo = [n for n in numbers if not self._is_settled(jobs[n], histories.get(n))]
            ledger.expect(part, len(todo))
            yield from (jobs[number] for number in todo)

    def _is_settled(self, job: Job, history: History | None) -> bool:
        if history is None or history.state == FAILED:
            return history is not None and not self.retry_failed
        if job.target is None:
            return False
        if history.state == DONE:
            return job.target.is_file() and job.target.stat().st_size == history.record["bytes"]
        return history.state == SKIPPED and job.target.exists()

    def _run(self, jobs: Iterator[Job], ledger: Ledger) -> Iterator[Outcome]:
        first = next(jobs, None)
        if first is not None:
            if self._inferencer is None:
                self._inferencer = self.load(self.sharing)
            everything = chain([first], jobs)
            yield from run_jobs(everything, self._inferencer, self.target, self.options, ledger)


def _is_written(job: Job, history: History) -> bool:
    """Whether the output is what the dead process was about to write."""
    if history.state != WRITING or job.target is None or not job.target.is_file():
        return False
    return zlib.crc32(job.target.read_bytes()) == history.record["crc32"]


class _PartsLedger(Ledger):
    """Keeps the ledger of jobs in the journal's parts, each open while it is needed."""

    def __init__(self, journal: Journal, alone: bool = False) -> None:
        self._journal = journal
        self._details = {"alone": True} if alone else {}
        self._parts: dict[int, Part] = {}
        self._expected: dict[int, int] = {}
        self._written: dict[int, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def open(self, part: int) -> Part:
        self._parts[part] = Part(self._journal.path(part))
        return self._parts[part]

    def expect(self, part: int, count: int) -> None:
        """Says how many jobs of a part will end; it is closed after the last."""
        self._expected[part] = count
        if count == 0:
            self._parts.pop(part).close()

    def close(self) -> None:
        for part in self._parts.values():
            part.close()

    def take_up(self, job: Job, history: History) -> None:
        """Has the output that a dead process wrote count as this one's."""
        self._written[job.number] = {key: history.record[key] for key in ("bytes", "crc32")}

    def started(self, job: Job) -> None:
        self._append(job, STARTED, input=job.name, **self._details)

    def writing(self, job: Job, data: bytes) -> None:
        written = {"bytes": len(data), "crc32": zlib.crc32(data)}
        self._written[job.number] = written
        self._append(job, WRITING, output=str(job.target), **written)

    def ended(self, outcome: Outcome) -> None:
        job, details = outcome.job, self._written.pop(outcome.job.number, {})
        if outcome.status == FAILED:
            details = {"reason": outcome.message}
        target = {} if job.target is None else {"output": str(job.target)}
        self._append(job, outcome.status, input=job.name, **target, **details)
        part = self._journal.part_of(job.number)
        with self._lock:
            if part in self._expected:
                self._expected[part] -= 1
                if self._expected[part] == 0:
                    self._parts.pop(part).close()

    def dropped(self, job: Job) -> None:
        self._append(job, DROPPED)

    def _append(self, job: Job, state: str, **details: Any) -> None:
        self._parts[self._journal.part_of(job.number)].append(job.number, state, **details)
