"""Starts a run that a journal is kept of, in one process or as one of several."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..devices import find_device
from ..files import LockedError, locked
from ..images import SUFFIXES
from .fingerprint import describe_run
from .journal import FOLDER, Journal, StopRun
from .journaled import JournaledRun
from .processes import Processes
from .run import WriteOptions
from .worklist import STREAM, Job, Listing, OutputFolder, OutputRules, Worklist, plan_jobs

if TYPE_CHECKING:
    from ..restore.inferencer import SRInferencer
    from ..restore.target import Target

# Arguments of an inferencer by which no picture changes.
_NEUTRAL = ("model", "checkpoint", "device", "compile", "memory", "report_deviation", "max_pixels")


@dataclass(frozen=True)
class Request:
    """What a user asks to be done with pictures.

    Attributes:
        images: Files and folders.
        listing: Names further files.
        output: Folder, file or ``-``.
        rules: How outputs are named.
        inferencer: Arguments of `SRInferencer`.
        target: Wanted size.
        options: How files are written.
    """

    images: Sequence[str]
    listing: Listing | None
    output: str
    rules: OutputRules
    inferencer: Mapping[str, Any]
    target: Target
    options: WriteOptions

    def plan(self) -> Worklist:
        """Return the pictures to restore; see `plan_jobs`."""
        return plan_jobs(self.images, self.output, self.rules, self.listing)

    def describe(self, jobs: list[Job]) -> dict[str, Any]:
        """Return what decides the results, for the journal."""
        given = self.inferencer
        options = {name: value for name, value in given.items() if name not in _NEUTRAL}
        if given["tile_mode"] == "exact":
            del options["tile"]  # exact tiles of any size give the same numbers
        options |= {"factor": self.target.factor, "quality": self.options.quality}
        options |= {"background": self.options.background}
        options |= {"width": self.target.width, "height": self.target.height}
        return describe_run(jobs, given["model"], given["checkpoint"], options)


@contextlib.contextmanager
def journaled_run(
    request: Request,
    processes: Processes,
    retry_failed: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[tuple[JournaledRun, dict[int, Job]]]:
    """Open a run's journal, together with the other processes of the run.

    Args:
        request: What to do.
        processes: Those that share the work.
        retry_failed: Try pictures that failed earlier again.
        tell: Called in rank 0 with what the user should know.

    Yields:
        The run, and all its jobs by number. Until the end no other start of the run can begin.

    Raises:
        ValueError: The request cannot be done, or the journal there belongs to another run.
        OSError: The output cannot be written, or processes have not come.
        StopRun: Another process is at work on the same run.
    """
    output = Path(request.output)
    if STREAM in (*request.images, request.output):
        raise ValueError("standard input and output (-) go without a journal")
    if output.suffix.lower() in SUFFIXES and not output.is_dir():
        raise ValueError(f"-o {output}: a run with a journal writes into a folder")
    processes.connect()
    with contextlib.ExitStack() as stack:
        if processes.rank > 0:  # rank 0 speaks for all about what is wrong with the request
            continued = processes.follow() == "continued"
        worklist = request.plan()
        jobs = worklist.jobs
        journal = Journal(output / FOLDER, len(jobs))
        if processes.rank > 0:
            journal.check(request.describe(jobs))
        else:
            for text in worklist.passed_over:
                tell(text)
            description = request.describe(jobs)
            OutputFolder(output).prepare()
            stack.enter_context(_alone(journal.folder))
            continued = journal.claim(description)
            processes.lead("continued" if continued else "new")
        device = _device(request.inferencer["device"], processes)
        load = partial(_load, {**request.inferencer, "device": device})
        run = JournaledRun(
            journal,
            output,
            load,
            request.target,
            request.options,
            continued=continued,
            retry_failed=retry_failed,
            sharing=_sharing(device, processes),
        )
        yield run, dict(enumerate(jobs))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other starts of the run away, where the file system can."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / "lock", wait=False))
        except LockedError as error:
            raise StopRun(
                f"another process is at work on this run (it holds {folder / 'lock'}); wait for "
                "it or stop it"
            ) from error
        except (NotImplementedError, OSError):  # some network file systems have no locks
            pass
        yield


def _device(device: str | None, processes: Processes) -> str | None:
    """One of its node's GPUs for each process, unless a certain one is asked for."""
    where = find_device(device)
    if device not in (None, where.type) or processes.world == 1 or where.type == "cpu":
        return device
    return f"{where.type}:{processes.local_rank % torch.accelerator.device_count()}"


def _sharing(device: str | None, processes: Processes) -> int:
    """Number of processes that share this one's memory, on its GPU or else its node."""
    if find_device(device).type != "cpu":
        return -(-processes.local_world // torch.accelerator.device_count())
    return processes.local_world


def _load(arguments: dict[str, Any], sharing: int) -> SRInferencer:
    """Make the inferencer of one of several processes, which leaves the others their memory."""
    from ..restore.inferencer import SRInferencer
    from ..restore.memory import free_memory

    if arguments["memory"] is None and sharing > 1:
        memory = free_memory(find_device(arguments["device"])) // (2 * sharing)
        arguments = {**arguments, "memory": memory}
    return SRInferencer(**arguments)
