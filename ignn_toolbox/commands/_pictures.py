"""The options that ``ignn upscale`` and its like share; `_restoring` does what they ask for."""

import argparse

from ..images import DEFAULT_QUALITY, FORMATS, MAX_PIXELS
from ._device import add_device
from ._voice import add_voice

# Options that are arguments of the inferencer, by the same names.
INFERENCER = (
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
    "wrap",
    "consistent",
    "uncertainty",
    "adapt",
    "adapt_kernel",
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


def _add_model(parser: argparse.ArgumentParser, default_model: str | None) -> None:
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        default=default_model,
        required=default_model is None,
        help="name (`ignn models`), config, checkpoint of this toolbox, or spandrel:FILE"
        + (" (default: %(default)s)" if default_model else ""),
    )
    model.add_argument("--checkpoint", help="weights to load into the model")
    add_device(model)
    model.add_argument(
        "--adapt",
        metavar="HOW",
        nargs="?",
        const="fast",
        help="tune the network on each picture first, where that is predicted to gain: fast (the "
        "default), best, or a number of steps",
    )
    model.add_argument(
        "--adapt-kernel",
        metavar="KERNEL",
        help="how pictures are supposed to have become small when the network is tuned: bicubic "
        "(the default), gaussian:SIGMA, or a text file of the kernel",
    )
    model.add_argument(
        "--wrap", action="store_true", help="seamless textures: beyond a side lies the opposite one"
    )
    model.add_argument(
        "--uncertainty",
        action="store_true",
        help="self-ensemble, and beside each output NAME_spread.tif: how far its eight are apart",
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
