"""``ignn report``: a page to look at results, and figures for papers."""

import argparse
from pathlib import Path

from ..evaluation import DEFAULT_PROTOCOL, PROTOCOLS, read_results
from ..text import shown
from ._progress import progress_bar

HELP = "Write a static page that compares methods picture by picture, or a figure for a paper."
EXAMPLES = """examples:
  ignn report results/edsr results/ignn -o report
  ignn report results/edsr results/ignn --figure img_012 --box 300,200,96,64 -o figures/img_012

Results need their pictures: `ignn test --save-images` and `ignn evaluate -o` keep or name them. The
page opens from disk: report/index.html.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results", nargs="+", type=Path, metavar="RESULT", help="results.json, or its folder"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder, or figure's path")
    parser.add_argument("--protocol", choices=PROTOCOLS, default=DEFAULT_PROTOCOL)
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="folder of benchmark sets")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier report")
    parser.add_argument("--figure", metavar="IMAGE", help="draw this image as PNG and PDF instead")
    parser.add_argument("--box", type=_box, metavar="X,Y,W,H", help="the crop to enlarge")


def run(args: argparse.Namespace) -> int:
    from ..visualization.report import write_figure, write_report

    results = [read_results(path) for path in args.results]
    if (args.figure is None) != (args.box is None):
        raise ValueError("--figure and --box X,Y,W,H go together")
    if args.figure is not None:
        paths = write_figure(
            results,
            args.figure,
            args.box,
            args.out,
            protocol=args.protocol,
            data_root=args.data_root,
        )
        print(f"wrote {' and '.join(map(shown, paths))}")
        return 0
    with progress_bar("pictures") as progress:
        notes = write_report(
            results,
            args.out,
            protocol=args.protocol,
            data_root=args.data_root,
            overwrite=args.overwrite,
            progress=progress,
        )
    for note in notes:
        print(f"note: {shown(note)}")
    size = sum(path.stat().st_size for path in args.out.rglob("*") if path.is_file())
    print(f"wrote {args.out / 'index.html'} ({size / 2**20:.1f} MiB)")
    return 0


def _box(text: str) -> tuple[int, ...]:
    try:
        x, y, width, height = map(int, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"four integers X,Y,W,H are needed, got {text}") from None
    return x, y, width, height
