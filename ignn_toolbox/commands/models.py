"""``ignn models``: what ships with the package."""

import argparse

from rich.console import Console
from rich.table import Table

from ..zoo import bundled_configs, list_models, zoo_models

HELP = "List the models that ship with the package and, on request, the configs to train from."
EXAMPLES = """examples:
  ignn models
  ignn models 'ignn*' --configs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pattern", nargs="?", default="*", help="shell pattern of names")
    parser.add_argument("--configs", action="store_true", help="also list the bundled configs")


def run(args: argparse.Namespace) -> int:
    models = zoo_models()
    names = list_models(args.pattern)
    table = Table("model", "scale", "parameters", "results (PSNR/SSIM, protocol)", "config")
    for name in names:
        model = models[name]
        results = "\n".join(
            f"{row['Dataset']} {row['PSNR']:.2f}/{row['SSIM']:.4f} {row['Protocol']}"
            for row in model.results
        )
        parameters = f"{model.parameters:,}"
        table.add_row(name, f"x{model.scale}", parameters, results, model.config.stem)
    console = Console()
    if names:
        console.print(table)
    else:
        console.print(f"no model matches {args.pattern!r}")
    if args.configs:
        console.print("\nconfigs (`ignn train NAME`):")
        for name, path in bundled_configs().items():
            console.print(f"  {path.parent.name}/{name}", highlight=False)
    return 0
