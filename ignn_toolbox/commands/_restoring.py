"""What ``ignn upscale`` and its like do: pictures in, restored ones out, one or a million."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..bulk.journal import DONE, FAILED, SKIPPED
from ..bulk.journaled import OPEN, JournaledRun
from ..bulk.launch import Request, journaled_run
from ..bulk.processes import Processes
from ..bulk.run import Outcome, WriteOptions, run_jobs
from ..bulk.worklist import STREAM, Job, Listing, OutputFolder, OutputRules
from ..restore.inferencer import SRInferencer
from ..restore.target import Target
from ..text import shown
from ._pictures import INFERENCER
from ._progress import PictureProgress
from ._voice import Voice

_LISTED = 50  # failures of a run that has a journal


def run(args: argparse.Namespace, name: str, target: Target) -> int:
    """Do what a command of the family was asked to.

    Args:
        args: As `_pictures.add_arguments` defines them.
        name: The command.
        target: Wanted size.

    Returns:
        0 when every picture was written or skipped as asked, else 1.
    """
    processes = Processes.from_environment()
    _check_combination(args, processes)
    request = Request(
        images=args.images,
        listing=None if args.list is None else Listing(Path(args.list), Path(args.root or ".")),
        output=args.output,
        rules=OutputRules(args.format, args.suffix),
        inferencer={option: getattr(args, option) for option in INFERENCER},
        target=target,
        options=WriteOptions(args.quality, args.overwrite, args.skip_existing, args.background),
    )
    voice = Voice.of(args, name)
    if args.journal or args.engine == "ray" or processes is not None:
        return _run_journaled(request, args, processes or Processes(), voice)
    return _run_plain(request, voice)


def _check_combination(args: argparse.Namespace, processes: Processes | None) -> None:
    if args.root is not None and args.list is None:
        raise ValueError("--root belongs to --list; name the list")
    if args.workers is not None and args.engine != "ray":
        raise ValueError("--workers belongs to --engine ray; torchrun has --nproc-per-node")
    if args.workers is not None and args.workers < 1:
        raise ValueError(f"--workers {args.workers} must be 1 or more")
    if args.engine == "ray" and processes is not None:
        raise ValueError("--engine ray starts its own workers; run it without torchrun")
    if args.retry_failed and not (args.journal or args.engine == "ray" or processes):
        raise ValueError("--retry-failed continues a run with a journal; add --journal")
    if args.json and args.output == STREAM:
        raise ValueError("--json and -o - both write to standard output; name a file with -o")
    if args.uncertainty and args.output == STREAM:
        raise ValueError("--uncertainty writes a second file beside the output; name one with -o")
    if args.json and args.engine == "ray":
        raise ValueError("--json is for --engine local; the journal records a run on Ray")


def _run_plain(request: Request, voice: Voice) -> int:
    worklist = request.plan()
    folder = OutputFolder(worklist.folder) if worklist.folder is not None else None
    for text in worklist.passed_over:
        voice.tell(text)
    if folder is not None and not all(job.fault for job in worklist.jobs):
        folder.prepare()
    inferencer = SRInferencer(**request.inferencer)
    inferencer.report = inferencer.inform = voice.tell
    counts, failures, done = Counter[str](), [], []
    with voice.progress(voice.command) as progress:
        bar = PictureProgress(progress, len(worklist.jobs))
        inferencer.progress = bar.moved
        outcomes = run_jobs(worklist.jobs, inferencer, request.target, request.options, folder)
        for outcome in outcomes:
            _say(outcome, voice)
            counts[outcome.status] += 1
            failures += [outcome.message] if outcome.status == FAILED else []
            done += [outcome.job] if outcome.status == DONE else []
            bar.settled(counts.total())
    gone = [job.target for job in done if job.target is not None and not job.target.exists()]
    failures += [f"{target} was written and is gone" for target in gone]
    counts.update({DONE: -len(gone), FAILED: len(gone)})
    return _summarise(voice, counts, failures)


def _run_journaled(
    request: Request, args: argparse.Namespace, processes: Processes, voice: Voice
) -> int:
    with journaled_run(request, processes, args.retry_failed, voice.tell) as (run, jobs):
        if args.engine == "ray":
            use_gpus = request.inferencer["device"] != "cpu"
            done = _work_on_ray(run, jobs, args.workers, use_gpus, voice)
        else:
            done = _work_here(run, jobs, processes, voice)

        def conclude(done: int) -> int:
            counts, failures = run.tally()
            return _summarise(voice, counts, failures, counts[DONE] - done, run.journal.folder)

        return processes.end_together(done, conclude)


def _work_here(run: JournaledRun, jobs: dict[int, Job], processes: Processes, voice: Voice) -> int:
    """Do this process's share; return the number of pictures that it restored."""
    parts = processes.share(run.journal.parts)
    mine = {number: jobs[number] for part in parts for number in run.journal.numbers(part)}
    jobs.clear()  # a million of them take a gigabyte
    done = 0
    label, first = voice.command, processes.rank == 0
    label += f", process 0 of {processes.world}" if processes.world > 1 else ""
    with (voice if first else replace(voice, quiet=True)).progress(label) as progress:
        bar = PictureProgress(progress, len(mine))
        load = run.load

        def load_and_listen(sharing: int) -> SRInferencer:
            inferencer = load(sharing)
            inferencer.progress = bar.moved
            if first:
                inferencer.inform = voice.tell
            return inferencer

        run.load = load_and_listen
        for count, outcome in enumerate(run.work(mine, parts, voice.tell), 1):
            processes.check()
            _say(outcome, voice)
            done += outcome.status == DONE
            bar.settled(count)
    return done


def _work_on_ray(
    run: JournaledRun, jobs: dict[int, Job], workers: int | None, use_gpus: bool, voice: Voice
) -> int:
    """Has Ray's actors do all; returns the number of pictures that they restored."""
    from ..bulk.on_ray import run_on_ray

    settled = done = 0
    with voice.progress(f"{voice.command} on Ray") as progress:
        progress(0, len(jobs))
        for result in run_on_ray(run, jobs, workers, use_gpus):
            settled += result.settled
            done += result.done
            for text in result.told:
                voice.tell(text)
            progress(settled, len(jobs))
    return done


def _say(outcome: Outcome, voice: Voice) -> None:
    """Say what became of one picture, to those who asked for it."""
    job, how = outcome.job, outcome.restored
    target = None if job.target is None else str(job.target)
    fields: dict[str, Any] = {"input": job.name, "output": target, "status": outcome.status}
    fields |= {"message": outcome.message} if outcome.message else {}
    if how is None:
        voice.detail(f"{job.name}: {outcome.status}")
    else:
        fields |= {"model": how.model, "width": how.width, "height": how.height}
        fields |= {"seconds": round(how.seconds, 3)}
        size = f"{how.width}x{how.height}"
        voice.detail(
            f"{job.name}: {size} by {how.model} in {how.seconds:.2f} s, {target or STREAM}"
        )
    voice.record(**fields)


def _summarise(
    voice: Voice,
    counts: Counter[str],
    failures: Sequence[str],
    earlier: int = 0,
    journal: Path | None = None,
) -> int:
    """Print what became of the pictures; return the exit status."""
    parts = [f"{counts[DONE]} restored" + (f" ({earlier} of them earlier)" if earlier > 0 else "")]
    parts += [f"{counts[SKIPPED]} skipped"] if counts[SKIPPED] else []
    parts += [f"{counts[FAILED]} failed"] if counts[FAILED] else []
    parts += [f"{counts[OPEN]} not dealt with"] if counts[OPEN] else []
    total = counts.total()
    lines = [f"{total} picture{'s' * (total != 1)}: {', '.join(parts)}"]
    lines += [f"  failed: {message}" for message in (failures[:_LISTED] if journal else failures)]
    if journal and failures:
        if len(failures) > _LISTED:
            lines.append(f"  and {len(failures) - _LISTED} more, see {journal}")
        lines.append("  --retry-failed tries failed pictures again")
    wrong = bool(counts[FAILED] or counts[OPEN])
    for line in lines if wrong or not voice.quiet else []:
        print(shown(line), file=sys.stderr)
    return int(wrong)
