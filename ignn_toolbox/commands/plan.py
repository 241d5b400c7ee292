"""``ignn plan``: the memory that a network will take, before anything runs."""

import argparse
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ..restore.config_plan import Job

HELP = "Predict the memory that a network will take, by stage, before anything runs."
EXAMPLES = """examples:
  ignn plan ignn_x2c256b32k5d30_1xb4-800k_div2k --lr-size 512x340
  ignn plan ignn_tiny_x2 --lr-size 40x40 --batch 16 --train
  ignn plan ignn_tiny_x2 --lr-size 4000x3000 --tile 256
"""
_MIB = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", help="config file, or name of a bundled config or zoo model")
    parser.add_argument(
        "--lr-size", type=_size, required=True, metavar="WxH", help="LR image, as in 512x340"
    )
    parser.add_argument("--batch", type=_count, default=1, help="images at a time (default: 1)")
    parser.add_argument("--train", action="store_true", help="a training step with Adam")
    parser.add_argument(
        "--tile", type=_count, metavar="PIXELS", help="`ignn upscale` in tiles of this side"
    )


def run(args: argparse.Namespace) -> int:
    from ..restore.config_plan import Job, plan_job, plan_tiles

    width, height = args.lr_size
    job = Job(args.config, height, width, args.batch, args.train)
    if args.tile is None:
        _print_stages(job, plan_job(job))
        return 0
    if args.train or args.batch != 1:
        raise ValueError("--tile plans one picture's inference: leave out --train and --batch")
    tiles = plan_tiles(job, args.tile)
    table = Table("", "", title=f"{args.config}: LR {width}x{height} in tiles of {args.tile}")
    table.add_row("beside the built model, MiB", f"{tiles.peak / _MIB:.1f}")
    table.add_row("maps of the whole picture, MiB", f"{tiles.stored / _MIB:.1f}")
    table.add_row("pixels computed / pixels, by the halo", f"{tiles.area_ratio:.3f}")
    Console().print(table)
    return 0


def _print_stages(job: "Job", stages: list[tuple[str, int]]) -> None:
    what = "training step" if job.train else "inference"
    title = f"{job.config}: {what}, LR {job.width}x{job.height}, batch {job.batch}"
    table = Table("stage", "MiB alive at most", title=title)
    for stage, size in stages:
        table.add_row(stage, f"{size / _MIB:.1f}")
    table.add_section()
    table.add_row("total beside the built model", f"{max(s for _, s in stages) / _MIB:.1f}")
    Console().print(table)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 512x340 (width x height)")
    return int(parts[0]), int(parts[1])
