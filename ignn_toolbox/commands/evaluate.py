"""``ignn evaluate``: scores a folder of results of any program."""

import argparse
from pathlib import Path

from rich.table import Table

from ..datasets.file_list import set_name
from ..evaluation import DEFAULT_PROTOCOL, PROTOCOLS, Results, means, write_results
from ..evaluation.folder import score_folder
from ..evaluation.protocols import check_protocol
from ..evaluation.records import PERCEPTUAL_FIELDS
from ..text import shown
from ._console import console, table
from ._voice import Voice, add_voice

HELP = "Score a folder of super-resolved images against ground truth, without any model."
EXAMPLES = """examples:
  ignn evaluate results/Set5 bench/Set5 --scale 2
  ignn evaluate results/Set5 bench/Set5 --scale 4 --protocol all --per-image
  ignn evaluate results/Urban100 bench/Urban100 --scale 2 -o scores/mine --name "My net"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sr_dir", type=Path, help="folder of results (PNG, JPG, WebP, TIFF, BMP)")
    parser.add_argument("gt_dir", type=Path, help="folder of ground truth")
    parser.add_argument("--scale", type=int, required=True, help="upscaling factor of the results")
    parser.add_argument(
        "--protocol",
        default=DEFAULT_PROTOCOL,
        metavar="NAME",
        help=f"{', '.join(PROTOCOLS)} or all (default: {DEFAULT_PROTOCOL})",
    )
    parser.add_argument(
        "--crop-border", type=int, metavar="PIXELS", help="cut off each side (default: the scale)"
    )
    parser.add_argument(
        "--perceptual",
        nargs="+",
        default=[],
        metavar="METRIC",
        help=f"also {' or '.join(PERCEPTUAL_FIELDS)}; needs the extra 'perceptual'",
    )
    parser.add_argument(
        "--partial", action="store_true", help="accept that some ground truth has no result"
    )
    parser.add_argument("--per-image", action="store_true", help="print every image's figures")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="write results.json and CSV")
    parser.add_argument("--name", help="the method's name in the results (default: the folder's)")
    add_voice(parser)


def run(args: argparse.Namespace) -> int:
    from ..evaluation.perceptual import perceptual_metric  # brings torch

    if args.protocol != "all":
        check_protocol(args.protocol)
    protocols = [args.protocol]
    if args.protocol == "all":  # those for colour that fit the scale
        protocols = [
            name
            for name, protocol in PROTOCOLS.items()
            if protocol.colour != "plane" and (protocol.has_border or args.scale == 1)
        ]
    voice = Voice.of(args, "evaluate")
    with voice.progress("scoring") as progress:
        records, notes = score_folder(
            args.sr_dir,
            args.gt_dir,
            args.scale,
            protocols,
            crop_border=args.crop_border,
            partial=args.partial,
            perceptual=[perceptual_metric(name) for name in args.perceptual],
            progress=progress,
        )
    results = Results(
        args.name or _method_name(args.sr_dir, records[0]["dataset"]),
        args.scale,
        records,
        {
            "sr_dirs": {records[0]["dataset"]: str(args.sr_dir.absolute())},
            "gt_dirs": {records[0]["dataset"]: str(args.gt_dir.absolute())},
            "crop_border": args.scale if args.crop_border is None else args.crop_border,
            "notes": notes,
        },
    )
    if args.out is not None:
        write_results(args.out, results)
    for record in records:
        voice.record(**record)
    if voice.json or voice.quiet:
        return 0
    out = console()
    if args.per_image or voice.verbose:
        out.print(_image_table(records))
    out.print(_mean_table(results))
    for note in notes:
        out.print(f"note: {shown(note)}")
    if args.out is not None:
        out.print(f"wrote {shown(args.out / 'results.json')} and per_image.csv")
    return 0


def _method_name(sr_dir: Path, dataset: str) -> str:
    """``EDSR`` for ``results/EDSR`` and for ``results/EDSR/Set5``."""
    folder = sr_dir.absolute()
    return folder.parent.name if folder.name == dataset else set_name(folder)


def _mean_table(results: Results) -> Table:
    rows = means(results.records)
    extra = [key for key in PERCEPTUAL_FIELDS if getattr(rows[0], key) is not None]
    columns = ["set", "scale", "images", "protocol", "PSNR (dB)", "SSIM", *map(str.upper, extra)]
    figures = [
        [
            row.dataset,
            f"x{results.scale}",
            row.images,
            row.protocol,
            f"{row.psnr:.4f}",
            f"{row.ssim:.6f}",
            *(f"{getattr(row, key):.4f}" for key in extra),
        ]
        for row in rows
    ]
    return table(columns, figures, title=results.model)


def _image_table(records: list[dict]) -> Table:
    figures = [
        [
            record["image"],
            f"{record['width']}x{record['height']}",
            record["protocol"],
            f"{record['psnr']:.4f}",
            f"{record['ssim']:.6f}",
        ]
        for record in records
    ]
    return table(["image", "size", "protocol", "PSNR (dB)", "SSIM"], figures)
