"""``ignn upscale``: pictures in, larger pictures out."""

import argparse

from ..zoo import DEFAULT_MODEL
from . import _pictures

HELP = """Super-resolve pictures: files, folders (walked, linked folders too), or one picture from
standard input. Bit depth, grey, transparency, orientation and colour profile are kept. Started by
torchrun, or with --engine ray, several processes share the pictures, and a journal in the output
folder lets the same command continue a run that was stopped."""
EXAMPLES = """examples:
  ignn upscale photo.jpg -o large/
  ignn upscale scans/ more.png -o large/ --skip-existing
  ignn upscale photo.png -o photo_x3.png --factor 3 --self-ensemble
  ignn upscale photo.png -o large/ --model my_config.py --checkpoint work_dirs/iter_9000.pth
  cat photo.png | ignn upscale - -o - > large.png

many pictures:
  ignn upscale scans/ -o large/ --journal
  python -m ignn_toolbox.torchrun --nproc-per-node 8 upscale scans/ -o large/
  ignn upscale --list names.txt --root scans/ -o large/ --engine ray --workers 8
"""


_USUAL = 8.0  # the largest factor that few ask for by mistake


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _pictures.add_arguments(parser, DEFAULT_MODEL)
    parser.set_defaults(keeps_size=False)
    parser.add_argument(
        "--consistent",
        action="store_true",
        help="change the result until the bicubic reduces it to the input, and say how near",
    )
    size = parser.add_argument_group("size (default: the model's scale)")
    size.add_argument(
        "--factor", type=float, help=f"output size over input size, such as 2.5; 1 to {_USUAL:g}"
    )
    size.add_argument(
        "--any-factor", action="store_true", help=f"a factor below 1 or beyond {_USUAL:g} is meant"
    )
    size.add_argument("--width", type=int, help="output width in pixels")
    size.add_argument("--height", type=int, help="output height in pixels")


def run(args: argparse.Namespace) -> int:
    """Return 0 when every picture was written or skipped as asked, else 1.

    Raises:
        ValueError: The factor is one that few mean, and ``--any-factor`` does not say so.
    """
    from ..restore.target import Target
    from . import _restoring

    factor = args.factor
    if factor is not None and factor > 0 and not args.any_factor and not 1 <= factor <= _USUAL:
        raise ValueError(
            f"--factor {factor:g} is outside 1 to {_USUAL:g}; add --any-factor if meant"
        )
    return _restoring.run(args, "upscale", Target(args.factor, args.width, args.height))
