"""``ignn upscale``: pictures in, larger pictures out."""

import argparse
import sys
from collections import Counter

from ..inference.bulk import DONE, FAILED, SKIPPED, Outcome, WriteOptions, run_jobs
from ..inference.inferencer import DEFAULT_MODEL, SRInferencer, Target
from ..inference.jobs import OutputRules, plan_jobs, prepare_output
from ..inference.picture import MAX_PIXELS
from ..inference.writer import DEFAULT_QUALITY, FORMATS
from ._progress import progress_bar

HELP = """Super-resolve pictures: files, folders (walked recursively), or one picture from standard
input. Bit depth, grey, transparency, orientation and colour profile are kept."""
EXAMPLES = """examples:
  ignn upscale photo.jpg -o large/
  ignn upscale scans/ more.png -o large/ --skip-existing
  ignn upscale photo.png -o photo_x3.png --factor 3 --self-ensemble
  ignn upscale photo.png -o large/ --model my_config.py --checkpoint work_dirs/iter_9000.pth
  cat photo.png | ignn upscale - -o - > large.png
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", help="files or folders; - is standard input")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        help="folder, or a file name for one picture; - is standard output",
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
        "--memory", help="budget such as 4G; larger pictures go in tiles (default: half of free)"
    )
    tiles.add_argument("--tile", type=int, help="side of a tile, in place of the budget's choice")
    tiles.add_argument(
        "--tile-mode",
        choices=("exact", "independent"),
        default="exact",
        help="exact: the numbers of the whole picture; independent: each tile on its own, blended "
        "(default: %(default)s)",
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


def run(args: argparse.Namespace) -> int:
    """Returns 0 when every picture was written or skipped as asked, else 1."""
    target = Target(args.factor, args.width, args.height)
    options = WriteOptions(args.quality, args.overwrite, args.skip_existing)
    jobs = plan_jobs(args.images, args.output, OutputRules(args.format, args.suffix))
    prepare_output(jobs)
    inferencer = SRInferencer(
        args.model,
        args.checkpoint,
        args.device,
        self_ensemble=args.self_ensemble,
        amp=args.amp,
        compile=args.compile,
        memory=args.memory,
        tile=args.tile,
        tile_mode=args.tile_mode,
        max_pixels=args.max_pixels,
    )
    outcomes: list[Outcome] = []
    with progress_bar("upscale") as progress:
        if len(jobs) == 1:  # nothing else moves while a large picture is restored
            inferencer.progress = progress
        for outcome in run_jobs(jobs, inferencer, target, options):
            outcomes.append(outcome)
            if len(jobs) > 1:
                progress(len(outcomes), len(jobs))
    return _summarise(outcomes)


def _summarise(outcomes: list[Outcome]) -> int:
    counts = Counter(outcome.status for outcome in outcomes)
    parts = [f"{counts[DONE]} restored"]
    parts += [f"{counts[SKIPPED]} skipped"] if counts[SKIPPED] else []
    parts += [f"{counts[FAILED]} failed"] if counts[FAILED] else []
    print(f"{len(outcomes)} pictures: {', '.join(parts)}", file=sys.stderr)
    for outcome in outcomes:
        if outcome.status == FAILED:
            print(f"  failed: {outcome.message}", file=sys.stderr)
    return 1 if counts[FAILED] else 0
