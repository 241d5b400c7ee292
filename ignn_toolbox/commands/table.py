"""``ignn table``: the paper's tables with measured rows among the quoted ones."""

import argparse
from pathlib import Path

from ..evaluation import read_results
from ..evaluation.paper import TITLES, paper_table
from ..evaluation.table_format import FORMATS
from ..files import write_bytes
from ..text import encoded

HELP = "Print a table of the IGNN paper with measured rows among the quoted ones."
EXAMPLES = """examples:
  ignn table
  ignn table scores/edsr_tiny scores/ignn_tiny --scale 2
  ignn table --table 5 scores/k3 scores/k7 --format latex -o table5.tex
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results", nargs="*", type=Path, metavar="RESULT", help="results.json, or its folder"
    )
    listing = "; ".join(f"{number} {title}" for number, title in TITLES.items())
    parser.add_argument("--table", type=int, default=1, metavar="N", help=listing)
    parser.add_argument(
        "--scale",
        type=int,
        nargs="+",
        metavar="S",
        help="scales of table 1 (default: those of the results, else all)",
    )
    parser.add_argument(
        "--more", action="store_true", help="also methods that the paper's table 1 leaves out"
    )
    parser.add_argument("--format", choices=tuple(FORMATS), default="markdown")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="write here, not to stdout")


def run(args: argparse.Namespace) -> int:
    measured = [read_results(path) for path in args.results]
    scales = args.scale or sorted({item.scale for item in measured}) or (2, 3, 4)
    hidden = [item for item in measured if item.scale not in scales]
    if hidden:
        raise ValueError(f"{hidden[0].model} is x{hidden[0].scale}, but --scale shows {scales}")
    table = paper_table(args.table, scales, measured, more=args.more)
    text = FORMATS[args.format](table)
    if args.out is None:
        print(text, end="")
    else:
        write_bytes(args.out, encoded(text))
    return 0
