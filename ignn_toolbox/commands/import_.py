"""``ignn import``: a checkpoint of other code becomes one of this toolbox."""

import argparse
from typing import Any

HELP = """Convert a checkpoint of other code into one of this toolbox: of the networks' authors,
and of EDSR-PyTorch, BasicSR and MMagic. Scale, width and depth are read off the tensors, and
nothing in the file is executed."""
EXAMPLES = """examples:
  ignn import IGNN_x2.pth -o ignn_x2.pth
  ignn import edsr_baseline_x2.pt -o edsr_baseline_x2.pth
  ignn upscale photo.png -o large/ --model ignn_x2.pth
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="the foreign checkpoint")
    parser.add_argument("-o", "--output", required=True, help="file to write")
    parser.add_argument(
        "--res-scale",
        type=float,
        help="factor of the residual blocks (default: 0.1 for IGNN and wide EDSR, else 1)",
    )
    parser.add_argument("--scale", type=int, help="of a network that serves several (VDSR)")
    parser.add_argument("--steps", type=int, help="how often a recurrent network runs")
    pyramid = parser.add_argument_group("pyramid attention (PA-EDSR, PANet)")
    pyramid.add_argument("--identity-scale", type=float, help="factor of the identity beside it")
    pyramid.add_argument(
        "--sampling", choices=("torch1", "torch2"), help="interpolation (default: torch1)"
    )
    graph = parser.add_argument_group("IGNN (what its tensors do not tell)")
    graph.add_argument(
        "--window", type=int, default=30, help="search window in key patches; 0: whole image"
    )
    graph.add_argument("--num-neighbors", type=int, default=5, help="k (default: %(default)s)")
    graph.add_argument("--window-mode", choices=("official", "centred"), default="official")
    graph.add_argument("--no-adapn", action="store_true", help="trained without AdaPN")


def run(args: argparse.Namespace) -> int:
    from ..models.foreign import Options
    from ..zoo.importers import convert_checkpoint

    options = Options(
        window=args.window or None,
        num_neighbors=args.num_neighbors,
        window_mode=args.window_mode,
        adapn=not args.no_adapn,
        res_scale=args.res_scale,
        identity_scale=args.identity_scale,
        sampling=args.sampling,
        steps=args.steps,
        scale=args.scale,
    )
    imported, network = convert_checkpoint(args.file, args.output, options)
    spec: Any = network.spec
    parameters = sum(p.numel() for p in network.parameters())
    told = [
        f"{name}={value}"
        for name, value in imported.network.items()
        if name not in ("type", "scale") and not isinstance(value, dict)
    ]
    print(
        f"{args.output}: {imported.network['type']} x{spec.scale} "
        f"({', '.join(told)}; {parameters:,} parameters) from a checkpoint of {imported.kind}"
    )
    return 0
