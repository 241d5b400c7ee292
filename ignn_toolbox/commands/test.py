"""``ignn test``: scores a checkpoint on the benchmark sets."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..text import shown
from ._device import add_device

if TYPE_CHECKING:
    from ..evaluation.results import Results

HELP = """Score a checkpoint on the sets of its config in one run: Set5, Set14, BSD100, Urban100 and
Manga109 for super-resolution; noise, mosaics or JPEGs for models that keep the size."""
EXAMPLES = """examples:
  ignn test edsr_tiny_x2 --data-root /data/sr              # the weights that ship with it
  ignn test ignn_tiny_x2 --data-root /data/sr --sets Set5 Set14
  ignn test CONFIG work_dirs/mine/best.pth --out results/mine --save-images
  ignn test spandrel:4x_other.pth --data-root /data/sr     # any network that spandrel knows
  ignn test imported.pth --data-root /data/sr              # what `ignn import` wrote
  ignn test ignn_tiny_x2 --cfg-options model.self_ensemble=True --name IGNN+
  ignn test denoise_tiny --data-root /data/sr --sets Set5_n30 Set14_n30
  torchrun --nproc_per_node 2 tools/test.py CONFIG CHECKPOINT --launcher pytorch
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "config",
        metavar="MODEL",
        help="config file, bundled config, zoo name, or a checkpoint that says what its model is",
    )
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        nargs="?",
        help="weights; a zoo name's own by default, none for a model that learns nothing",
    )
    parser.add_argument("--data-root", metavar="DIR", help="folder that holds the benchmark sets")
    parser.add_argument(
        "--sets", nargs="+", action="extend", metavar="SET", help="score these sets only"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder of the results (default: work_dirs/<config>/test)"
    )
    parser.add_argument(
        "--save-images", action="store_true", help="also write the super-resolved pictures"
    )
    parser.add_argument(
        "--adapt",
        metavar="HOW",
        nargs="?",
        const="fast",
        help="tune the network on each picture first: fast (the default), best, or steps",
    )
    parser.add_argument(
        "--adapt-kernel",
        metavar="KERNEL",
        help="how pictures are supposed to have become small when the network is tuned: bicubic "
        "(the default), gaussian:SIGMA, or a text file of the kernel",
    )
    parser.add_argument(
        "--name", help="name of the method in tables (default: the zoo's, else the config's)"
    )
    add_device(parser)
    parser.add_argument(
        "--launcher", default="none", help="none, pytorch (torchrun) or slurm (srun)"
    )
    parser.add_argument(
        "--cfg-options",
        action="extend",
        nargs="+",
        metavar="KEY=VALUE",
        help="changes to the config, dotted keys",
    )


def run(args: argparse.Namespace) -> int:
    """Tests, writes the results and prints them as a table."""
    from ..engine.config import load_config, parse_options
    from ..engine.test import test
    from ..models.restorers.internal_learning import parse_steps
    from ..zoo.index import resolve, zoo_models
    from ..zoo.loading import config_to_test, is_checkpoint
    from ..zoo.spandrel_file import spandrel_file

    options, name, folder = parse_options(args.cfg_options), args.name, args.out
    if args.device is not None:
        options["device"] = args.device
    if args.adapt is not None:
        options["model.adapt"] = {
            "type": "InternalLearning",
            "steps": parse_steps(args.adapt),
            "kernel": args.adapt_kernel or "bicubic",
        }
    elif args.adapt_kernel is not None:
        raise ValueError("--adapt-kernel belongs to --adapt")
    if is_checkpoint(args.config):
        stem = Path(args.config).stem
        config = config_to_test(args.config, options, data_root=args.data_root)
        whole = spandrel_file(args.config) is not None  # the model brings its weights
        weights = args.checkpoint or (None if whole else args.config)
        name = name or stem
        folder = folder or Path("work_dirs", stem, "test")
    else:
        _, shipped = resolve(args.config)
        config = load_config(args.config, options, data_root=args.data_root)
        weights = args.checkpoint or shipped
        if args.checkpoint is None and args.config in zoo_models():
            name = name or args.config
    results = test(
        config,
        weights,
        out_dir=folder,
        save_images=args.save_images,
        launcher=args.launcher,
        name=name,
        sets=args.sets,
    )
    if results is not None:
        _print(results, Path(config.work_dir))
    return 0


def _print(results: "Results", folder: Path) -> None:
    from ..evaluation.table_format import markdown
    from ..evaluation.task_tables import task_of, task_table
    from ._console import console, table

    for protocol in dict.fromkeys(mean.protocol for mean in results.means):
        means = [mean for mean in results.means if mean.protocol == protocol]
        sets = [f"{mean.dataset} ({mean.images})" for mean in means]
        figures = [f"{mean.psnr:.2f} / {mean.ssim:.4f}" for mean in means]
        row = [results.model, f"x{results.scale}", *figures]
        title = f"PSNR (dB) / SSIM, protocol {protocol}"
        console().print(table(["Method", "Scale", *sets], [row], title=title))
    task = task_of(results)
    if task is not None:
        print("\n" + markdown(task_table(task, [results], narrow=True)))
    print(f"results.json and per_image.csv are in {shown(folder)}")
