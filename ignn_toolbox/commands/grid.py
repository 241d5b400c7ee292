"""``ignn grid``: trains and tests the variants that one file names, and prints their table."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..text import shown
from ._device import add_device

if TYPE_CHECKING:
    from ..engine.grid import Grid
    from ..evaluation.results import Results

HELP = "train and test the variants that one file names, and print their table beside the paper's"
EXAMPLES = """examples:
  ignn grid ablation_tiny/table2.yml --data-root /data/sr --dry-run
  ignn grid ablation_tiny/table2.yml --data-root /data/sr   # goes on after a stop
  ignn grid my_grid.yml --out runs/mine --table                         # the table as far as it is
  python -m ignn_toolbox.torchrun --nproc-per-node 4 grid my_grid.yml --shard auto

A grid file:
  base: ignn-tiny_x2c32b8k5d30_1xb16-2k_bsds-t91
  axes:
    k: [1, 3, 5]                       # also d, position, seed; others map labels to changes
    weights: {ECN: {}, no ECN: {model.network.aggregator.ecn: false}}
    seed: [0, 1, 2]
  baseline: {k: 1}
  sets: [Set14, Urban100]
  paper: {table: 5}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", metavar="FILE", help="grid file, or its path among the configs")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="folder of runs and tables (default: grids/<file>)"
    )
    parser.add_argument("--data-root", metavar="DIR", help="folder that holds the data sets")
    add_device(parser)
    parser.add_argument(
        "--shard", default="0/1", metavar="I/N", help="this process's part, auto under a launcher"
    )
    parser.add_argument(
        "--cfg-options",
        action="extend",
        nargs="+",
        metavar="KEY=VALUE",
        help="changes to all variants",
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--dry-run", action="store_true", help="list the variants and their state")
    only.add_argument("--table", action="store_true", help="print the table, run nothing")


def run(args: argparse.Namespace) -> int:
    """Run the grid; 1 when a variant failed, 130 when it was stopped."""
    from ..engine.config import parse_options
    from ..engine.grid import load_grid
    from ..engine.grid_run import run_grid, shard_of, variant_results

    shard = shard_of(args.shard)
    out_dir = args.out or Path("grids", Path(args.file).stem)
    options = parse_options(args.cfg_options)
    if args.device is not None:
        options["device"] = args.device
    grid = load_grid(args.file, out_dir, args.data_root, options)
    if args.dry_run:
        for index, variant in enumerate(grid.variants):
            done = variant_results(variant, grid.sets) is not None
            state = "finished" if done else "started" if variant.folder.exists() else "to run"
            print(f"{index:3d}  {state:8}  {shown(variant.name)}  {shown(variant.folder)}")
        return 0
    if args.table:
        _write_table(grid, out_dir)
        return 0
    outcome = run_grid(grid, shard)
    _write_table(grid, out_dir)
    if outcome.stopped:
        print(f"stopped; the same command goes on: ignn grid {shown(args.file)}")
        return 130
    for name, fault in outcome.failed.items():
        print(f"failed: {shown(name)}: {shown(fault)}")
    return 1 if outcome.failed else 0


def _write_table(grid: "Grid", out_dir: Path) -> None:
    from ..engine.grid_run import variant_results
    from ..evaluation.grid_table import FORMATS, grid_rows, quoted_figures, title_of
    from ..files import write_bytes
    from ..text import encoded

    results: dict[str, dict[int, Results]] = {}
    for variant in grid.variants:
        found = variant_results(variant, grid.sets)
        if found is not None:
            results.setdefault(variant.label, {})[variant.seed] = found
    paper = {}
    if grid.paper_table is not None:
        paper = quoted_figures(grid.labels, grid.paper_table, grid.paper_rows)
    rows = grid_rows(grid.labels, grid.sets, results, grid.baseline, paper)
    title = title_of(grid.name, grid.baseline)
    for suffix, form in FORMATS.items():
        write_bytes(out_dir / f"{grid.name}.{suffix}", encoded(form(title, rows)))
    print(FORMATS["md"](title, rows), end="")
    print(
        f"\n{sum(map(len, results.values()))} of {len(grid.variants)} variants are finished; "
        f"the table is also in {out_dir / grid.name}.md, .tex and .csv"
    )
