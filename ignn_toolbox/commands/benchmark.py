"""``ignn benchmark``: time and memory of operators, networks and training; the memory planner."""

import argparse
import os
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..benchmark import Case, CaseResult, all_cases, figures, find_case, run_case, write_results
from ..benchmark.measure import can_measure_peak

HELP = """Measure time and memory of operators, networks, training and its data, or predict the
memory that a network will take."""
EXAMPLES = """examples:
  ignn benchmark ops
  ignn benchmark model --list
  ignn benchmark model --case graphagg_x2_256 --threads 2
  ignn benchmark train --repeats 3 -o my_results
  ignn benchmark data --workers 0 2
  ignn benchmark plan ignn_x2c256b32k5d30_1xb4-800k_div2k --lr-size 512x340
  ignn benchmark plan ignn_tiny_x2 --lr-size 40x40 --batch 16 --train --measure
  ignn benchmark plan ignn_tiny_x2 --lr-size 4000x3000 --tile 256
"""
_GROUPS = {
    "ops": "single operators: search, aggregation",
    "model": "inference of GraphAgg and of whole networks",
    "train": "backward passes and training steps",
}
_MIB = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for group, summary in _GROUPS.items():
        command = commands.add_parser(group, help=summary, description=summary)
        command.add_argument("--case", metavar="NAME", help="measure this one only")
        command.add_argument("--list", action="store_true", help="list the cases")
        command.add_argument("--repeats", type=_count, help="calls of each (default: the case's)")
        command.add_argument(
            "--threads", type=_count, default=os.cpu_count(), help="default: %(default)s"
        )
        _add_out(command)
    summary = "training samples a second from image files and from caches"
    data = commands.add_parser("data", help=summary, description=summary)
    data.add_argument(
        "--workers",
        type=int,
        nargs="+",
        default=[0, 1, 2],
        choices=range(65),
        metavar="N",
        help="numbers of worker processes (default: 0 1 2)",
    )
    data.add_argument(
        "--pairs", type=_count, default=4000, help="pairs to load from a cache (default: 4000)"
    )
    data.add_argument(
        "--lq-size", type=_count, default=48, help="side of an LR crop (default: %(default)s)"
    )
    _add_out(data)
    plan = commands.add_parser("plan", help="predict a network's memory before anything runs")
    plan.add_argument("config", help="config file, or name of a bundled config or zoo model")
    plan.add_argument(
        "--lr-size", type=_size, required=True, metavar="WxH", help="LR image, as in 512x340"
    )
    plan.add_argument("--batch", type=_count, default=1, help="images at a time (default: 1)")
    plan.add_argument("--train", action="store_true", help="a training step with Adam")
    plan.add_argument(
        "--tile", type=_count, metavar="PIXELS", help="`ignn upscale` in tiles of this side"
    )
    plan.add_argument("--measure", action="store_true", help="also run it, and compare")


def run(args: argparse.Namespace) -> int:
    own = {"plan": _plan, "data": _data}
    return own.get(args.what, _benchmark)(args)


def _add_out(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("benchmarks/results"),
        metavar="DIR",
        help="where the CSV files are kept (default: %(default)s)",
    )


def _benchmark(args: argparse.Namespace) -> int:
    console = Console(width=None if Console().is_terminal else 140)
    cases = all_cases(args.what)
    if args.list:
        for case in cases:
            console.print(f"{case.name}: {case.summary}", highlight=False)
        return 0
    if args.case is not None:
        cases = [find_case(args.case)]
        if cases[0].group != args.what:
            raise ValueError(f"{args.case} is a case of `ignn benchmark {cases[0].group}`")
    if not can_measure_peak():
        console.print("peak memory: not measured, it needs Linux's /proc/self/clear_refs")
    for case in cases:
        with console.status(case.name) as status:
            result = run_case(case, args.threads, args.repeats, status.update)
        written = write_results(args.out, result, args.threads)
        _print_case(console, case, result)
    console.print(f"wrote {written[0]} and {written[1]}", highlight=False)
    return 0


def _print_case(console: Console, case: Case, result: CaseResult) -> None:
    measured = Table("variant", "seconds", "CPU seconds", "peak, MiB", title=case.name)
    for name in case.variants:
        peak = result.peak(name)
        text = "" if peak is None else f"{peak / _MIB:.0f}"
        measured.add_row(name, f"{result.wall(name):.3f}", f"{result.cpu(name):.3f}", text)
    columns = ("figure", "measured", "by CPU time", "required", "aim", "published code", "met")
    read_off = Table(*columns)
    for row in figures(result):
        met = {True: "yes", False: "no", None: ""}[row.met]
        numbers = (row.value, row.by_cpu, row.figure.required, row.figure.aim)
        texts = ("" if number is None else f"{number:.4g}" for number in numbers)
        read_off.add_row(row.text, *texts, row.figure.published, met)
    console.print(case.summary, highlight=False)
    console.print(measured, read_off)


def _data(args: argparse.Namespace) -> int:
    import tempfile

    import torch

    from ..benchmark.data import SOURCES, available_sources, measure_data, write_data_results

    torch.set_num_threads(1)
    console = Console(width=None if Console().is_terminal else 140)
    sources = available_sources()
    with tempfile.TemporaryDirectory() as folder, console.status("data") as status:
        rows = measure_data(
            Path(folder),
            sources,
            args.workers,
            pairs=args.pairs,
            lq_size=args.lq_size,
            progress=status.update,
        )
    path = args.out / "data.csv"
    write_data_results(path, rows)
    sizes = f"{args.lq_size}x{args.lq_size}/{2 * args.lq_size}x{2 * args.lq_size}"
    columns = ("source", "workers", "pairs a second", "a second of processor time")
    table = Table(*columns, title=f"augmented LR/HR pairs, {sizes}")
    for row in rows:
        speeds = (f"{row.per_second:,.0f}", f"{row.per_cpu_second:,.0f}")
        table.add_row(row.source, str(row.workers), *speeds)
    console.print(table)
    for source in set(SOURCES) - set(sources):
        console.print(f"{source}: not measured, its package is not installed")
    console.print(f"wrote {path}", highlight=False)
    return 0


def _plan(args: argparse.Namespace) -> int:
    if args.tile is not None:
        return _plan_tiles(args)
    from ..benchmark.planning import Job, measure_job, predict_job

    console = Console()
    width, height = args.lr_size
    job = Job(args.config, height, width, args.batch, args.train)
    stages = predict_job(job)
    total = max(size for _, size in stages)
    what = "training step" if args.train else "inference"
    title = f"{args.config}: {what}, LR {width}x{height}, batch {args.batch}"
    table = Table("stage", "MiB alive at most", title=title)
    for stage, size in stages:
        table.add_row(stage, f"{size / _MIB:.1f}")
    table.add_section()
    table.add_row("total beside the built model", f"{total / _MIB:.1f}")
    console.print(table)
    if args.measure:
        measured = measure_job(job)
        if measured is None:
            console.print("not measured: peak memory needs Linux's /proc/self/clear_refs")
        else:
            console.print(
                f"measured {measured / _MIB:.1f} MiB: predicted {(total - measured) / _MIB:+.1f} "
                f"MiB, {100 * (total / measured - 1):+.1f} %",
                highlight=False,
            )
    return 0


def _plan_tiles(args: argparse.Namespace) -> int:
    from ..benchmark.planning import Job, predict_tiles

    if args.train or args.measure or args.batch != 1:
        raise ValueError(
            "--tile plans one picture's inference: leave out --train, --batch and --measure"
        )
    width, height = args.lr_size
    tiles = predict_tiles(Job(args.config, height, width, 1, False), args.tile)
    table = Table("", "", title=f"{args.config}: LR {width}x{height} in tiles of {args.tile}")
    table.add_row("beside the built model, MiB", f"{tiles.peak / _MIB:.1f}")
    table.add_row("maps of the whole picture, MiB", f"{tiles.stored / _MIB:.1f}")
    table.add_row("pixels computed / pixels, by the halo", f"{tiles.area_ratio:.3f}")
    Console().print(table)
    return 0


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 512x340 (width x height)")
    return int(parts[0]), int(parts[1])
