"""``ignn table``: the paper's tables with measured rows among the quoted ones."""

import argparse
from pathlib import Path

from ..evaluation import DEFAULT_PROTOCOL, Results, read_results
from ..evaluation.paper import SIZES, TITLES, PaperTable, Row, paper_table
from ..evaluation.table_format import FORMATS
from ..evaluation.task_tables import TITLES as TASKS
from ..evaluation.task_tables import task_table
from ..files import did_you_mean, write_bytes
from ..text import encoded
from ..zoo import ZooModel, described_models

HELP = """Print a table of a paper, quoted, with measured rows in it: what results are named, and in
ignn/1 the models that ship, with their sizes. Results of imported weights go in like others."""
PAPERS = {f"ignn/{number}": number for number in TITLES}
# of PANet's paper, which quotes RNAN's, but for the grey one
_TASKS = {
    "panet/denoising": "denoising",
    "panet/demosaicing": "demosaicing",
    "panet/artefacts": "artefacts",
    "rnan/grey-denoising": "grey-denoising",
}
EXAMPLES = """examples:
  ignn table
  ignn table scores/edsr_tiny scores/ignn_tiny --scale 2
  ignn table --paper panet/artefacts scores/jpeg_tiny
  ignn table --paper ignn/5 scores/k3 scores/k7 --format latex -o table5.tex
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results", nargs="*", type=Path, metavar="RESULT", help="results.json, or its folder"
    )
    listing = "; ".join(
        [f"{name} {TITLES[number]}" for name, number in PAPERS.items()]
        + [f"{name} {TASKS[task]}" for name, task in _TASKS.items()]
    )
    parser.add_argument("--paper", default="ignn/1", metavar="PAPER/TABLE", help=listing)
    parser.add_argument(
        "--scale",
        type=int,
        nargs="+",
        metavar="S",
        help="scales of ignn/1 (default: those of the results, else all)",
    )
    parser.add_argument("--format", choices=tuple(FORMATS), default="markdown")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="write here, not to stdout")


def run(args: argparse.Namespace) -> int:
    known = [*PAPERS, *_TASKS]
    if args.paper not in known:
        raise ValueError(f"no table `{args.paper}`; {did_you_mean(args.paper, known)}")
    measured = [read_results(path) for path in args.results]
    models = described_models()
    labels = {name: _label(model) for name, model in models.items()}
    if args.paper in _TASKS:
        table = task_table(_TASKS[args.paper], measured, labels)
    else:
        table = _of_ignn(args, measured, models, labels)
    text = FORMATS[args.format](table)
    if args.out is None:
        print(text, end="")
    else:
        write_bytes(args.out, encoded(text))
    return 0


def _of_ignn(
    args: argparse.Namespace,
    measured: list[Results],
    models: dict[str, ZooModel],
    labels: dict[str, str],
) -> PaperTable:
    scales = args.scale or sorted({item.scale for item in measured}) or (2, 3, 4)
    hidden = [item for item in measured if item.scale not in scales]
    if hidden:
        raise ValueError(f"{hidden[0].model} is x{hidden[0].scale}, but --scale shows {scales}")
    shipped = _rows(models) if args.paper == "ignn/1" else []
    return paper_table(PAPERS[args.paper], scales, measured, shipped, labels)


def _label(model: ZooModel) -> str:
    whose = f", weights of {model.foreign}" if model.foreign else ""
    return f"{model.name}{whose} ({model.parameters:,} parameters)"


def _rows(models: dict[str, ZooModel]) -> list[Row]:
    """What the metafiles' figures say of the whole sets of the table."""
    rows = []
    for model in models.values():
        found = {
            row["Dataset"]: (row["PSNR"], row["SSIM"])
            for row in model.results
            if row["Protocol"] == DEFAULT_PROTOCOL and row["Images"] == SIZES.get(row["Dataset"])
        }
        if found:
            values = tuple(found.get(name) for name in SIZES)
            rows.append(Row(_label(model), model.scale, values))
    return rows
