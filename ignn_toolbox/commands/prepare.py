"""``ignn prepare``: makes LR files and training crops, and examines folders of data."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ..datasets.pair_storage import STORAGES
from ..text import shown
from ._voice import Voice, add_voice

if TYPE_CHECKING:
    from ..datasets.preparation import Finding

HELP = "Make LR files and training crops, and examine folders of data."
EXAMPLES = """examples:
  ignn prepare lr DIV2K/DIV2K_train_HR DIV2K/DIV2K_train_LR_bicubic --scale 2 3 4
  ignn prepare subimages DIV2K/DIV2K_train_HR DIV2K_sub --scale 2 3 4
  ignn prepare check data
  ignn prepare check train/HR --bench bench
  ignn prepare cache CONFIG --cfg-options train_dataloader.dataset.cache=cache/mine
  ignn prepare cache CONFIG --format lmdb --cfg-options train_dataloader.dataset.cache=cache/mine

lr, subimages and cache can be interrupted and continued: files are written whole, and what is there
is kept.
"""
SHOWN = 20
TITLES = {
    "unreadable": "files that cannot be read",
    "pairing": "images without a partner",
    "size": "sizes that do not fit",
    "swapped": "LR images of another HR image",
    "lr": "LR images that are not MATLAB's bicubic of their HR image",
    "duplicate": "training images that are benchmark images",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    lr = steps.add_parser("lr", help="LR images by MATLAB's bicubic, to the last bit")
    lr.add_argument("hr_dir", type=Path, help="folder of HR images")
    lr.add_argument("out", type=Path, help="folder for X2/<name>x2.png, ...")
    lr.add_argument("--scale", type=int, nargs="+", required=True, metavar="S")
    lr.add_argument(
        "--border", default="symmetric", help="symmetric (default, as MATLAB today) or replicate"
    )
    _add_template(lr)
    sub = steps.add_parser("subimages", help="overlapping crops, LR and HR aligned")
    sub.add_argument("hr_dir", type=Path, help="folder of HR images")
    sub.add_argument("out", type=Path, help="folder for HR/ and LR/X2/, ...")
    sub.add_argument("--scale", type=int, nargs="+", required=True, metavar="S")
    sub.add_argument(
        "--lr-dir",
        metavar="DIR",
        help="folder of LR files, {scale} stands for the scale (default: made by bicubic)",
    )
    _add_template(sub)
    sub.add_argument("--size", type=int, default=480, help="side of an HR crop (480)")
    sub.add_argument("--step", type=int, default=240, dest="stride", help="distance (240)")
    sub.add_argument("--threshold", type=int, default=48, help="smallest remainder to use (48)")
    check = steps.add_parser("check", help="the doctor: what would spoil training or scores")
    check.add_argument("root", type=Path, help="folder with data sets below it")
    check.add_argument("--bench", type=Path, metavar="DIR", help="benchmark images elsewhere")
    check.add_argument("--all", action="store_true", help=f"list more than {SHOWN} files a kind")

    cache = steps.add_parser("cache", help="decode a config's training data into one file")
    cache.add_argument(
        "config", metavar="CONFIG", help="config whose data sets name a cache folder"
    )
    cache.add_argument(
        "--format",
        choices=STORAGES,
        default=STORAGES[0],
        help="a memory-mapped file (default), or LMDB, for disks across a network",
    )
    cache.add_argument("--data-root", metavar="DIR", help="folder that holds the data")
    cache.add_argument(
        "--cfg-options", nargs="+", metavar="KEY=VALUE", help="changes to the config"
    )
    for step in (lr, sub, check, cache):
        add_voice(step, json=step is not cache)


def run(args: argparse.Namespace) -> int:
    if args.step == "check":
        return _check(args)
    if args.step == "cache":
        return _cache(args)
    from ..datasets.preparation import make_lr, make_subimages

    label = "images" if args.step == "lr" else "crops"
    voice = Voice.of(args, "prepare")

    def each(path: Path, made: int, kept: int) -> None:
        voice.record(input=str(path), made=made, kept=kept)
        voice.detail(f"{path}: {made} made, {kept} were there")

    with voice.progress(args.step) as progress:
        if args.step == "lr":
            made, kept = make_lr(
                args.hr_dir,
                args.out,
                args.scale,
                border=args.border,
                filename_tmpl=args.template,
                progress=progress,
                each=each,
            )
        else:
            made, kept = make_subimages(
                args.hr_dir,
                args.out,
                args.scale,
                lr_dir=args.lr_dir,
                filename_tmpl=args.template,
                size=args.size,
                step=args.stride,
                threshold=args.threshold,
                progress=progress,
                each=each,
            )
    voice.result(f"made {made} {label} in {args.out}; {kept} images were there already")
    return 0


def _add_template(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--template",
        default="{}x{scale}",
        metavar="TMPL",
        help="stem of LR files, {} stands for the HR file's (default: {}x{scale}, as in DIV2K)",
    )


def _cache(args: argparse.Namespace) -> int:
    from ..engine.config import dataloaders, load_config, parse_options
    from ..registry import DATASETS

    voice = Voice.of(args, "prepare")
    options = parse_options(args.cfg_options)
    config = load_config(args.config, options, data_root=args.data_root)
    built = 0
    for _, loader in dataloaders(config):
        for node in _cached(loader["dataset"]):
            dataset = DATASETS.build(node)
            with voice.progress(dataset.name) as progress:
                size, kept = dataset.build_cache(args.format, progress)
            voice.result(
                f"{dataset.name}: {len(dataset)} pairs in {dataset.cache_dir}, {size:,} bytes; "
                f"{kept} were there already"
            )
            built += 1
    if not built:
        raise ValueError(
            f"no data set of {args.config} names a cache folder; name one, for instance by "
            "--cfg-options train_dataloader.dataset.cache=cache/mine"
        )
    return 0


def _cached(node: Any) -> Iterator[Mapping[str, Any]]:
    """The data sets of a dataloader's config, also within wrappers, that name a cache folder."""
    if isinstance(node, Mapping):
        if isinstance(node.get("cache"), str) and node["cache"] != "memory":
            yield node
        for value in node.values():
            yield from _cached(value)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _cached(item)


def _check(args: argparse.Namespace) -> int:
    from ..datasets.preparation import check_folder

    voice = Voice.of(args, "prepare")
    with voice.progress("reading") as progress:
        diagnosis = check_folder(args.root, args.bench, progress)
    for finding in diagnosis.findings:
        voice.record(path=str(finding.path), kind=finding.kind, message=finding.message)
    if voice.json or (voice.quiet and not diagnosis.findings):
        return 1 if diagnosis.findings else 0
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    for line in diagnosis.summary:
        console.print(shown(line), markup=False)
    for kind, title in TITLES.items():
        findings = [finding for finding in diagnosis.findings if finding.kind == kind]
        if findings:
            console.print(f"\n[bold red]{len(findings)} {title}[/]")
            _list(console, findings, len(findings) if args.all else SHOWN)
    if not diagnosis.findings:
        console.print("\n[bold green]nothing wrong was found[/]")
    return 1 if diagnosis.findings else 0


def _list(console: Console, findings: "Sequence[Finding]", count: int) -> None:
    for finding in findings[:count]:
        console.print(f"  {shown(finding.path)}: {shown(finding.message)}", markup=False)
    if len(findings) > count:
        console.print(f"  and {len(findings) - count} more (--all lists them)")
