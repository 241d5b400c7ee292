"""``ignn models``: the zoo."""

import argparse
from collections import Counter
from collections.abc import Iterable

from ..zoo import ZooModel, bundled_configs, list_models, zoo_models
from ._console import console, table

HELP = """List the zoo's models and, on request, the configs to train from. A checkpoint that does
not ship with the package is downloaded when it is first used, or by --download."""
EXAMPLES = """examples:
  ignn models
  ignn models 'ignn*' --configs
  ignn models 'ignn_x*' --download       # before going where there is no network
  ignn models --markdown                 # the table of the README
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pattern", nargs="?", default="*", help="shell pattern of names")
    parser.add_argument("--configs", action="store_true", help="also list the bundled configs")
    parser.add_argument(
        "--download", action="store_true", help="fetch the checkpoints that do not ship"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")


def run(args: argparse.Namespace) -> int:
    models = zoo_models()
    chosen = [models[name] for name in list_models(args.pattern)]
    if args.markdown:
        print(markdown_table(chosen))
    elif chosen:
        for purpose, group in by_purpose(chosen).items():
            header, *rows = table_rows(group)
            console().print(table(header, rows, title=purpose))
    else:
        print(f"no model matches {args.pattern!r}")
    if args.download:
        for model in chosen:
            if model.weights is not None:
                print(f"{model.name}: {model.verify()}")
    if args.configs:
        print("\nconfigs (`ignn train NAME`):")
        for name, path in bundled_configs().items():
            print(f"  {path.parent.name}/{name}")
    return 0


def markdown_table(models: Iterable[ZooModel]) -> str:
    """The models as Markdown, a table for each purpose, figures as the metafiles hold them."""
    groups = by_purpose(models)
    blocks = []
    for purpose, group in groups.items():
        header, *rows = table_rows(group)
        lines = [header, ["---"] * len(header), *rows]
        block = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        blocks.append(f"{purpose.capitalize()}:\n\n{block}" if len(groups) > 1 else block)
    return "\n\n".join(blocks)


def by_purpose(models: Iterable[ZooModel]) -> dict[str, list[ZooModel]]:
    """Models by what they are for, super-resolution first."""
    groups: dict[str, list[ZooModel]] = {}
    for model in sorted(models, key=lambda m: (m.purpose != "super-resolution", m.purpose)):
        groups.setdefault(model.purpose, []).append(model)
    return groups


def table_rows(models: Iterable[ZooModel]) -> list[list[str]]:
    """Header and one row a model: name, scale, parameters, then PSNR/SSIM of benchmark sets.

    Sets on which one model of many was scored are left out; its card has them.
    """
    models = list(models)
    counts = Counter((row["Dataset"], row["Protocol"]) for model in models for row in model.results)
    measured = sum(bool(model.results) for model in models)
    sets = [key for key, count in counts.items() if count > 1 or measured <= 2]
    header = ["model", "scale", "parameters"]
    header += [f"{dataset} ({protocol})" for dataset, protocol in sets]
    rows = [header]
    for model in models:
        scores = {
            (row["Dataset"], row["Protocol"]): f"{row['PSNR']:.2f} / {row['SSIM']:.4f}"
            for row in model.results
        }
        figures = [scores.get(key, "") for key in sets]
        rows.append([model.name, f"x{model.scale}", f"{model.parameters:,}", *figures])
    return rows
