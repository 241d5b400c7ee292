"""``ignn restore``: pictures in, better pictures of the same size out."""

import argparse

from . import _pictures

HELP = """Restore pictures at their own size: noise, JPEG artefacts, Bayer mosaics, as the model is
for. Files, folders (walked, linked folders too), or one picture from standard input. Bit depth,
grey, transparency, orientation and colour profile are kept. Started by torchrun, or with --engine
ray, several processes share the pictures, and a journal in the output folder lets the same command
continue a run that was stopped."""
EXAMPLES = """examples:
  ignn restore photo.jpg -o clean/ --model jpeg_tiny
  ignn restore scans/ more.png -o clean/ --model denoise_tiny --skip-existing
  ignn restore mosaic.png -o photo.png --model demosaic_tiny
  ignn restore noisy.png -o clean/ --model my_config.py --checkpoint work_dirs/iter_9000.pth

many pictures:
  ignn restore scans/ -o clean/ --model jpeg_tiny --journal
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _pictures.add_arguments(parser, None)
    parser.set_defaults(consistent=False, keeps_size=True)


def run(args: argparse.Namespace) -> int:
    """Return 0 when every picture was written or skipped as asked, else 1."""
    from ..restore.target import Target
    from . import _restoring

    return _restoring.run(args, "restore", Target())
