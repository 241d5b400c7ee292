"""``ignn upscale`` in several processes, with a journal that a stopped run continues from."""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..bulk.fingerprint import describe_run
from ..bulk.journal import FOLDER, OPEN, Journal
from ..bulk.journaled import JournaledRun
from ..bulk.processes import Processes
from ..bulk.run import DONE, FAILED, SKIPPED, WriteOptions
from ..bulk.worklist import STREAM, Job, Listing, OutputRules, plan_jobs, prepare_output
from ..images import SUFFIXES
from ..restore.inferencer import SRInferencer, Target
from ..restore.memory import free_memory
from ._progress import progress_bar

_LISTED = 50  # failures


@dataclass(frozen=True)
class Request:
    """What ``ignn upscale`` is asked to do.

    Attributes:
        images: Files and folders.
        listing: Names further files.
        output: Folder, file or ``-``.
        rules: How outputs are named.
        inferencer: Arguments of :class:`SRInferencer`.
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

    def plan(self) -> list[Job]:
        """The pictures to restore; see :func:`plan_jobs`."""
        return plan_jobs(self.images, self.output, self.rules, self.listing)

    def describe(self, jobs: list[Job]) -> dict[str, Any]:
        """What decides the results, for the journal."""
        inferencer = self.inferencer
        options = {name: inferencer[name] for name in ("self_ensemble", "amp", "tile_mode")}
        if inferencer["tile_mode"] == "independent":
            options["tile"] = inferencer["tile"]
        options |= {"factor": self.target.factor, "quality": self.options.quality}
        options |= {"width": self.target.width, "height": self.target.height}
        return describe_run(jobs, inferencer["model"], inferencer["checkpoint"], options)


def upscale_journaled(request: Request, args: argparse.Namespace, processes: Processes) -> int:
    """Runs a request in this process and those beside it, or on Ray.

    Args:
        request: What to do.
        args: ``engine``, ``workers`` and ``retry_failed``.
        processes: Those that share the work.

    Returns:
        In all processes, 1 if a picture failed in any; else 0.
    """
    output = Path(request.output)
    if STREAM in (*request.images, request.output):
        raise ValueError("standard input and output (-) go without a journal")
    if output.suffix.lower() in SUFFIXES and not output.is_dir():
        raise ValueError(f"-o {output}: a run with a journal writes into a folder")
    folder = output / FOLDER
    if processes.rank > 0:  # rank 0 speaks for all about what is wrong with the request
        processes.meet(folder)
    jobs = request.plan()
    journal = Journal(folder, len(jobs))
    earlier = 0
    if processes.rank > 0:
        journal.check(request.describe(jobs))
    else:
        prepare_output(jobs)
        journal.claim(request.describe(jobs))
        earlier = journal.tally()[0][DONE]
        processes.meet(folder)
    device = _device(request.inferencer["device"], processes)
    load = partial(_load, {**request.inferencer, "device": device})
    run = JournaledRun(journal, load, request.target, request.options, args.retry_failed)
    if args.engine == "ray":
        _work_on_ray(run, jobs, args.workers, use_gpus=request.inferencer["device"] != "cpu")
    else:
        run.sharing = _sharing(device, processes)
        _work(run, jobs, processes)
    return processes.leave(folder, lambda: summarise(*journal.tally(), earlier, journal))


def summarise(
    counts: Mapping[str, int],
    failures: Sequence[str],
    earlier: int = 0,
    journal: Journal | None = None,
) -> int:
    """Prints what became of the pictures.

    Args:
        counts: Pictures by status.
        failures: What to say of each that failed.
        earlier: How many were restored by an earlier start.
        journal: Where the rest can be read.

    Returns:
        The exit status.
    """
    counts = Counter(counts)
    parts = [f"{counts[DONE]} restored" + (f" ({earlier} of them earlier)" if earlier else "")]
    parts += [f"{counts[SKIPPED]} skipped"] if counts[SKIPPED] else []
    parts += [f"{counts[FAILED]} failed"] if counts[FAILED] else []
    parts += [f"{counts[OPEN]} not dealt with"] if counts[OPEN] else []
    print(f"{counts.total()} pictures: {', '.join(parts)}", file=sys.stderr)
    for message in failures[:_LISTED] if journal else failures:
        print(f"  failed: {message}", file=sys.stderr)
    if journal and failures:
        if len(failures) > _LISTED:
            print(f"  and {len(failures) - _LISTED} more, see {journal.folder}", file=sys.stderr)
        print("  --retry-failed tries failed pictures again", file=sys.stderr)
    return 1 if counts[FAILED] or counts[OPEN] else 0


def _device(device: str | None, processes: Processes) -> str | None:
    """One of its node's GPUs for each process, unless a certain one is asked for."""
    if device not in (None, "cuda") or processes.world == 1 or not torch.cuda.is_available():
        return device
    return f"cuda:{processes.local_rank % torch.cuda.device_count()}"


def _sharing(device: str | None, processes: Processes) -> int:
    """Number of processes that share this one's memory, on its GPU or else its node."""
    if _on_gpu(device):
        return -(-processes.local_world // torch.cuda.device_count())
    return processes.local_world


def _on_gpu(device: str | None) -> bool:
    return torch.cuda.is_available() and (device is None or device.startswith("cuda"))


def _load(arguments: dict[str, Any], sharing: int) -> SRInferencer:
    """The inferencer of one of several processes, which leaves the others their memory."""
    if arguments["memory"] is None and sharing > 1:
        where = arguments["device"] or ("cuda" if torch.cuda.is_available() else "cpu")
        memory = free_memory(torch.device(where)) // (2 * sharing)
        arguments = {**arguments, "memory": memory}
    return SRInferencer(**arguments)


def _work(run: JournaledRun, jobs: list[Job], processes: Processes) -> None:
    parts = processes.share(run.journal.parts)
    mine = {number: jobs[number] for part in parts for number in run.journal.numbers(part)}
    jobs.clear()  # a million of them take a gigabyte
    label = f"upscale, process 0 of {processes.world}" if processes.world > 1 else "upscale"
    with progress_bar(label) as progress:
        for count, _ in enumerate(run.work(mine, parts), 1):
            if processes.rank == 0:
                progress(count, len(mine))


def _work_on_ray(run: JournaledRun, jobs: list[Job], workers: int | None, use_gpus: bool) -> None:
    from ..bulk.on_ray import run_on_ray

    count = 0
    with progress_bar("upscale on Ray") as progress:
        progress(count, len(jobs))
        for more in run_on_ray(run, dict(enumerate(jobs)), workers, use_gpus):
            count += more
            progress(count, len(jobs))
