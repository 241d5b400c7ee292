"""``ignn upscale``: pictures in, larger pictures out."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from ..bulk.processes import Processes
from ..bulk.run import FAILED, WriteOptions, run_jobs
from ..bulk.worklist import Listing, OutputRules, prepare_output
from ..images import DEFAULT_QUALITY, FORMATS, MAX_PIXELS
from ..restore.inferencer import DEFAULT_MODEL, SRInferencer, Target
from ._progress import PictureProgress, progress_bar
from ._upscale_journaled import Request, summarise, upscale_journaled

HELP = """Super-resolve pictures: files, folders (walked recursively), or one picture from standard
input. Bit depth, grey, transparency, orientation and colour profile are kept. Started by torchrun,
or with --engine ray, several processes share the pictures, and a journal in the output folder lets
the same command continue a run that was stopped."""
EXAMPLES = """examples:
  ignn upscale photo.jpg -o large/
  ignn upscale scans/ more.png -o large/ --skip-existing
  ignn upscale photo.png -o photo_x3.png --factor 3 --self-ensemble
  ignn upscale photo.png -o large/ --model my_config.py --checkpoint work_dirs/iter_9000.pth
  cat photo.png | ignn upscale - -o - > large.png

many pictures:
  ignn upscale scans/ -o large/ --journal
  torchrun --nproc-per-node 8 --max-restarts 9 -m ignn_toolbox upscale scans/ -o large/
  ignn upscale --list names.txt --root scans/ -o large/ --engine ray --workers 8
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
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
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help="name (`ignn models`), config, or checkpoint of this toolbox (default: %(default)s)",
    )
    model.add_argument("--checkpoint", help="weights to load into the model")
    model.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
    model.add_argument("--amp", action="store_true", help="compute in bfloat16")
    model.add_argument("--compile", action="store_true", help="compile the network first")
    model.add_argument(
        "--self-ensemble", action="store_true", help="average 8 flips and rotations; 8x the time"
    )
    tiles = parser.add_argument_group("memory")
    tiles.add_argument(
        "--memory",
        help="budget of this process such as 4G; larger pictures go in tiles (default: half of the "
        "free memory more)",
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
    size = parser.add_argument_group("size (default: the model's scale)")
    size.add_argument("--factor", type=float, help="output size over input size, such as 2.5")
    size.add_argument("--width", type=int, help="output width in pixels")
    size.add_argument("--height", type=int, help="output height in pixels")
    files = parser.add_argument_group("files")
    files.add_argument("--format", choices=FORMATS, help="write all pictures in this format")
    files.add_argument(
        "--quality",
        type=int,
        help=f"1..100 for jpg (default: {DEFAULT_QUALITY}) and webp (default: lossless)",
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
    many = parser.add_argument_group("many pictures")
    many.add_argument(
        "--journal",
        action="store_true",
        help="keep a journal in the output folder; the same command then continues a stopped run "
        "(always so under torchrun and Ray)",
    )
    many.add_argument(
        "--retry-failed", action="store_true", help="when continuing, try failed pictures again"
    )
    many.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="local: this process, or those that torchrun starts; ray: Ray Data actors "
        "(default: %(default)s)",
    )
    many.add_argument(
        "--workers", type=int, help="actors of Ray (default: one for each GPU, or else each CPU)"
    )


def run(args: argparse.Namespace) -> int:
    """Returns 0 when every picture was written or skipped as asked, else 1."""
    processes = Processes.from_environment()
    _check_combination(args, processes)
    if args.journal or args.engine == "ray" or processes is not None:
        return upscale_journaled(_request(args), args, processes or Processes())
    return _upscale(_request(args))


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


def _request(args: argparse.Namespace) -> Request:
    return Request(
        images=args.images,
        listing=None if args.list is None else Listing(Path(args.list), Path(args.root or ".")),
        output=args.output,
        rules=OutputRules(args.format, args.suffix),
        inferencer={
            "model": args.model,
            "checkpoint": args.checkpoint,
            "device": args.device,
            "self_ensemble": args.self_ensemble,
            "amp": args.amp,
            "compile": args.compile,
            "memory": args.memory,
            "tile": args.tile,
            "tile_mode": args.tile_mode,
            "report_deviation": args.report_deviation,
            "max_pixels": args.max_pixels,
        },
        target=Target(args.factor, args.width, args.height),
        options=WriteOptions(args.quality, args.overwrite, args.skip_existing),
    )


def _upscale(request: Request) -> int:
    jobs = request.plan()
    prepare_output(jobs)
    inferencer = SRInferencer(**request.inferencer)
    inferencer.report = lambda message: print(f"ignn upscale: {message}", file=sys.stderr)
    counts, failures = Counter[str](), []
    with progress_bar("upscale") as progress:
        bar = PictureProgress(progress, len(jobs))
        inferencer.progress = bar.moved
        for outcome in run_jobs(jobs, inferencer, request.target, request.options):
            counts[outcome.status] += 1
            failures += [outcome.message] if outcome.status == FAILED else []
            bar.settled(counts.total())
    return summarise(counts, failures)
