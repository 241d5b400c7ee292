"""What ``ignn upscale`` and its like share: pictures in, restored ones out, one or a million."""

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
from ..images import DEFAULT_QUALITY, FORMATS, MAX_PIXELS
from ..restore.inferencer import SRInferencer
from ..restore.target import Target
from ..text import shown
from ._progress import PictureProgress
from ._voice import Voice, add_voice

_LISTED = 50  # failures of a run that has a journal
# Options that are arguments of the inferencer, by the same names.
_INFERENCER = (
    "model",
    "checkpoint",
    "device",
    "self_ensemble",
    "amp",
    "compile",
    "memory",
    "tile",
    "tile_mode",
    "report_deviation",
    "max_pixels",
    "value_range",
    "adapt",
    "keeps_size",
)


def add_arguments(parser: argparse.ArgumentParser, default_model: str | None) -> None:
    """Add the options that all commands of the family have; without a default a model is needed."""
    parser.add_argument("images", nargs="*", help="files or folders; - is standard input")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        help="folder, or a file name for one picture; - is standard output",
    )
    parser.add_argument("--list", metavar="FILE", help="text file that names pictures, one a line")
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="folder that the list's names are relative to (default: the current one); outputs "
        "mirror what lies below it",
    )
    _add_model(parser, default_model)
    _add_memory(parser)
    _add_files(parser)
    _add_many(parser)
    add_voice(parser)


def run(args: argparse.Namespace, name: str, target: Target) -> int:
    """Do what a command of the family was asked to.

    Args:
        args: As `add_arguments` defines them.
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
        inferencer={option: getattr(args, option) for option in _INFERENCER},
        target=target,
        options=WriteOptions(args.quality, args.overwrite, args.skip_existing, args.background),
    )
    voice = Voice.of(args, name)
    if args.journal or args.engine == "ray" or processes is not None:
        return _run_journaled(request, args, processes or Processes(), voice)
    return _run_plain(request, voice)


def _add_model(parser: argparse.ArgumentParser, default_model: str | None) -> None:
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        default=default_model,
        required=default_model is None,
        help="name (`ignn models`), config, or checkpoint of this toolbox"
        + (" (default: %(default)s)" if default_model else ""),
    )
    model.add_argument("--checkpoint", help="weights to load into the model")
    model.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
    model.add_argument(
        "--adapt",
        metavar="HOW",
        nargs="?",
        const="fast",
        help="tune the network on each picture first, where that is predicted to gain: fast (the "
        "default), best, or a number of steps",
    )
    model.add_argument("--amp", action="store_true", help="compute in bfloat16")
    model.add_argument("--compile", action="store_true", help="compile the network first")
    model.add_argument(
        "--self-ensemble", action="store_true", help="average 8 flips and rotations; 8x the time"
    )


def _add_memory(parser: argparse.ArgumentParser) -> None:
    tiles = parser.add_argument_group("memory")
    tiles.add_argument(
        "--memory",
        help="budget of this process such as 4G; larger pictures go in tiles (default: up to half "
        "of the memory that is free)",
    )
    tiles.add_argument("--tile", type=int, help="side of a tile, in place of the budget's choice")
    tiles.add_argument(
        "--tile-mode",
        choices=("exact", "independent"),
        default="exact",
        help="exact: the numbers of the whole picture; independent: each tile on its own, blended "
        "(default: %(default)s)",
    )
    tiles.add_argument(
        "--report-deviation",
        action="store_true",
        help="restore in exact tiles too and tell how far independent ones are off",
    )


def _add_files(parser: argparse.ArgumentParser) -> None:
    files = parser.add_argument_group("files")
    files.add_argument("--format", choices=FORMATS, help="write all pictures in this format")
    files.add_argument(
        "--quality",
        type=int,
        help=f"1..100 for jpg (default: {DEFAULT_QUALITY}) and webp (default: lossless)",
    )
    files.add_argument(
        "--background",
        type=_colour,
        metavar="COLOUR",
        help="lay pictures with transparency over it where their format has none, such as white "
        "or #808080",
    )
    files.add_argument("--suffix", default="", help="added to file names, such as _x2")
    existing = files.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace existing files")
    existing.add_argument("--skip-existing", action="store_true", help="leave existing files")
    files.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        help="refuse larger pictures (default: %(default)s)",
    )
    files.add_argument(
        "--range",
        dest="value_range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="values of floating-point TIFF files that are black and white (default: 0 1)",
    )


def _colour(text: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no colour such as white or #808080") from None
    return red, green, blue


def _add_many(parser: argparse.ArgumentParser) -> None:
    many = parser.add_argument_group("many pictures")
    many.add_argument(
        "--journal",
        action="store_true",
        help="keep a journal in the output folder; the same command then continues a stopped run, "
        "and restores again what was changed since (always so under torchrun and Ray)",
    )
    many.add_argument(
        "--retry-failed", action="store_true", help="when continuing, try failed pictures again"
    )
    many.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="local: this process, or those that torchrun starts; ray: actors of Ray "
        "(default: %(default)s)",
    )
    many.add_argument(
        "--workers", type=int, help="actors of Ray (default: one for each GPU, or else each CPU)"
    )


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
    """Does this process's share; returns the number of pictures that it restored."""
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
    """Says what became of one picture, to those who asked for it."""
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
    """Prints what became of the pictures; returns the exit status."""
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
