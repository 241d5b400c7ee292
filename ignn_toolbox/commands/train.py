"""``ignn train``: trains a network from a config."""

import argparse
import shlex
from pathlib import Path

from ._device import add_device

HELP = "train a network from a config; an interrupted run continues exactly with --resume"
EXAMPLES = """examples:
  ignn train edsr_tiny_x2_7k --data-root /data/sr
  ignn train edsr_tiny_x2 --images my_photos/       # HR only; a tenth is held out for validation
  ignn train configs/ignn/my_config.py --work-dir runs/mine --amp bf16
  ignn train ignn_tiny_x2 --resume                  # goes on where the run in its work dir stopped
  ignn train ignn_tiny_x2 --cfg-options batch_size=8 optim_wrapper.optimizer.lr=5e-4
  torchrun --nproc_per_node 4 tools/train.py CONFIG --launcher pytorch
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("config", metavar="CONFIG", help="config file, bundled config or zoo name")
    parser.add_argument(
        "--work-dir", metavar="DIR", help="checkpoints and logs (default: work_dirs/<config>)"
    )
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="FILE",
        help="continue the run in the work dir from its newest good checkpoint, or from FILE",
    )
    parser.add_argument(
        "--allow-config-change",
        action="store_true",
        help="resume although the config differs from the run's",
    )
    parser.add_argument("--data-root", metavar="DIR", help="folder that holds the data sets")
    parser.add_argument(
        "--images",
        nargs="+",
        metavar="DIR",
        help="folders of your own pictures in place of the config's data: LR pictures are made of "
        "them as the config says, and a tenth, chosen by name, is for validation",
    )
    parser.add_argument("--seed", type=int, help="seed of weights, order and augmentation")
    parser.add_argument(
        "--amp", nargs="?", const="bf16", choices=("bf16", "fp16"), help="mixed precision"
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
    """Train; return 0, or 128 plus the signal's number after an orderly early stop."""
    from ..datasets.file_list import some
    from ..engine.config import load_config, parse_options
    from ..engine.train import train

    options = parse_options(args.cfg_options)
    if args.seed is not None:
        options["randomness.seed"] = args.seed
    if args.device is not None:
        options["device"] = args.device
    if args.amp is not None:
        options["optim_wrapper.precision"] = args.amp
    work_dir, images = args.work_dir, args.images or ()
    config = load_config(args.config, options, data_root=args.data_root, images=images)
    if images:
        data = config.train_dataloader.dataset, config.val_dataloader.dataset
        training, held = (part.ann_file for part in data)
        print(f"{len(training)} pictures to train on; held out for validation: {some(held)}")
        name = f"{Path(config.filename).stem}-{data[1].name}"
        work_dir = work_dir or config.get("work_dir") or Path("work_dirs", name)
    result = train(
        config,
        work_dir=work_dir,
        resume=args.resume == "auto" or args.resume or False,
        launcher=args.launcher,
        allow_config_change=args.allow_config_change,
    )
    if result.stopped_by is None:
        return 0
    print(
        f"{result.stopped_by.name}: stopped after iteration {result.iterations}, whose checkpoint "
        f"is in {result.work_dir}. Go on with:\n  {_resume_command(args)}"
    )
    return 128 + result.stopped_by


def _resume_command(args: argparse.Namespace) -> str:
    words = ["ignn", "train", args.config, "--resume"]
    for name in ("work_dir", "data_root", "seed", "amp", "device"):
        value = getattr(args, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    words += ["--images", *args.images] if args.images else []
    words += ["--cfg-options", *args.cfg_options] if args.cfg_options else []
    return shlex.join(words)
