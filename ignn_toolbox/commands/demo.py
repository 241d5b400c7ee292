"""``ignn demo``: the shipped models on real pictures, measured and drawn side by side."""

import argparse
from pathlib import Path

from ..evaluation.protocols import DEFAULT_PROTOCOL
from ..text import shown
from ._console import console, table
from ._device import add_device

HELP = f"""Restore a photograph and a self-similar pattern, or the pictures you name, with the
shipped models. Each is shrunk by MATLAB's bicubic first and compared with the original afterwards
(protocol {DEFAULT_PROTOCOL}). Prints a table and draws the results side by side."""
EXAMPLES = """examples:
  ignn demo
  ignn demo my_photo.jpg another.png -o comparison.png
"""

MODELS = ("edsr_tiny_x2", "ignn_tiny_x2")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="*", help="pictures to shrink, restore and compare")
    parser.add_argument("-o", "--output", default="ignn_demo.png", help="default: %(default)s")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    add_device(parser)
    parser.add_argument(
        "--model",
        nargs="+",
        default=MODELS,
        dest="models",
        metavar="MODEL",
        help=f"models to compare (default: {' '.join(MODELS)})",
    )


def run(args: argparse.Namespace) -> int:
    from ..datasets.transforms import modcrop
    from ..devices import find_device
    from ..images import Picture, encode_picture, write_new
    from ..visualization.comparison import stack_rows
    from ..visualization.demo import compare, draw, pictures
    from ..zoo.loading import init_model

    output = Path(args.output)
    if output.exists() and not args.overwrite:
        raise FileExistsError(f"{output} exists; use --overwrite or another name (-o)")
    device = find_device(args.device)
    restorers = {Path(name).stem: init_model(name, device=device) for name in args.models}
    scales = {restorer.scale for restorer in restorers.values()}
    if len(scales) > 1:
        raise ValueError(f"models of different scales cannot be compared: {sorted(scales)}")
    (scale,) = scales
    if scale == 1:
        raise ValueError(
            f"{', '.join(restorers)}: the demo shrinks pictures and enlarges them again, and this "
            "model keeps the size; `ignn restore` and `ignn test` run it"
        )
    out = console()
    header = ["picture", "method", "PSNR [dB]", "SSIM", "seconds"]
    rows = table(header, title=f"x{scale}, {DEFAULT_PROTOCOL}")
    drawings = []
    for name, original in pictures(args.images):
        with out.status(f"restoring {name}"):
            original = modcrop(original, scale)
            results = compare(original, restorers, scale, device)
        for index, result in enumerate(results):
            figures = (f"{result.psnr:.2f}", f"{result.ssim:.4f}", f"{result.seconds:.2f}")
            rows.add_row("" if index else name, shown(result.method), *figures)
        rows.add_section()
        drawings.append(draw(name, original, results))
    out.print(rows)
    write_new(encode_picture(Picture(stack_rows(drawings), "png")), output, args.overwrite)
    out.print(f"drawn side by side: {shown(output)}")
    return 0
