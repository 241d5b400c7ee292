"""``ignn publish``: a trained model enters the zoo, with what was measured of it."""

import argparse
from pathlib import Path

HELP = """Put a trained checkpoint into a checkout's model zoo: the bare weights and a model card
into ignn_toolbox/zoo/checkpoints (or, with --url, into a folder to upload), and an entry with
SHA-256, parameters, training and measured results into the config's metafile.yml."""
EXAMPLES = """examples:
  ignn test edsr-tiny_x2c32b8_1xb16-7k_bsds-t91 best.pth --data-root data --out results/edsr_tiny
  ignn publish best.pth --name edsr_tiny_x2_7k --config edsr-tiny_x2c32b8_1xb16-7k_bsds-t91 \\
      --results results/edsr_tiny --data "BSDS500 train+test, T91" \\
      --terms "BSDS500: non-commercial research and education"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", nargs="?", help="what training wrote; none for a network without parameters"
    )
    parser.add_argument("--name", required=True, help="zoo name, such as ignn_tiny_x2")
    parser.add_argument("--config", required=True, help="bundled config it was trained from")
    parser.add_argument("--results", required=True, help="folder that `ignn test --out` wrote")
    parser.add_argument("--data", help="training images; needed with a checkpoint")
    parser.add_argument("--terms", help="their terms of use; needed with a checkpoint")
    parser.add_argument("--limits", help="what it is not for, in place of the usual words")
    parser.add_argument("--command", help="how to train it again (default: ignn train CONFIG)")
    parser.add_argument(
        "--url",
        nargs="+",
        default=[],
        help="addresses at which the file will be downloaded, instead of shipping it",
    )
    parser.add_argument(
        "--upload-dir",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="with --url: folder for the file to upload and its card (default: here)",
    )
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout (default: here)")


def run(args: argparse.Namespace) -> int:
    from ..evaluation import read_results
    from ..zoo.publish import publish

    if args.checkpoint and not (args.data and args.terms):
        raise ValueError("name the training images (--data) and their terms of use (--terms)")
    command = args.command or f"ignn train {args.config} --data-root data"
    training = {"Data": args.data, "Terms": args.terms, "Command": command}
    if args.limits:
        training["Limits"] = args.limits
    entry = publish(
        args.checkpoint,
        args.config,
        args.name,
        read_results(args.results),
        training,
        args.root,
        urls=args.url,
        upload_dir=args.upload_dir,
    )
    digest = f", SHA-256 {entry['SHA256'][:12]}..." if "SHA256" in entry else ""
    print(f"{args.name}: {entry['Parameters']:,} parameters{digest}")
    for row in entry["Results"]:
        print(f"  {row['Dataset']} {row['PSNR']:.2f}/{row['SSIM']:.4f} {row['Protocol']}")
    return 0
