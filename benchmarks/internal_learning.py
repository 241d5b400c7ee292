"""What internal learning brings, picture by picture: predicted and true gain.

python benchmarks/internal_learning.py edsr_tiny_x2 data/train/wall2k --list wall2k_val12.txt
python benchmarks/internal_learning.py edsr_tiny_x2 data/bench/Urban100 --every 5 --steps best
python benchmarks/internal_learning.py edsr_tiny_x2 data/bench/Set14 --reduced gaussian:1.6

The network is tuned whatever gain is predicted, and scored at three shares of the way to the tuned
weights (y-float, dB). ``--reduced`` makes the small pictures with another kernel, ``--kernel`` is
what the tuning supposes. What the gate and the share of `InternalLearning` make of it is said at
the end.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from frame.table import RESULTS, write_table
from torch import Tensor

from ignn_toolbox.apis import init_model
from ignn_toolbox.evaluation.protocols import psnr
from ignn_toolbox.images import list_images, read_image
from ignn_toolbox.models.colour import restore_in_colour
from ignn_toolbox.models.restorers.internal_learning import InternalLearning
from ignn_toolbox.models.restorers.reduction import Reduction
from ignn_toolbox.models.restorers.tuning import between
from ignn_toolbox.models.steps import Network
from ignn_toolbox.ops import imresize_uint8

SHARES = (0.5, 0.7, 1.0)


def main(words: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(words)
    network = init_model(args.model).network
    network.to(memory_format=torch.channels_last)
    steps = int(args.steps) if args.steps.isdecimal() else args.steps
    learning = InternalLearning(
        steps,
        args.lr,
        args.batch,
        rehearsal=args.rehearsal,
        what=args.what,
        kernel=args.kernel,
        share=1.0,
    )
    options = {
        "model": args.model,
        "set": args.folder.name,
        "reduced": args.reduced,
        "steps": learning.steps,
        "lr": args.lr,
        "batch": args.batch,
        "rehearsal": args.rehearsal,
        "what": args.what,
        "kernel": args.kernel,
    }
    measured = []
    for path in _chosen(args):
        row = options | {"picture": path.stem} | _measured(network, learning, path, args.reduced)
        write_table(args.out, [row], key=[*options, "picture"])
        print(" ".join(str(value) for value in row.values()), flush=True)
        measured.append(row)
    print(_summary(measured, InternalLearning(kernel=args.kernel)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="zoo name, config or checkpoint")
    parser.add_argument("folder", type=Path, help="of ground truths")
    parser.add_argument("--list", type=Path, help="file of names; all without")
    parser.add_argument("--every", type=int, default=1, help="every n-th picture")
    parser.add_argument("--first", type=int, default=0, help="number of the first picture")
    parser.add_argument("--steps", default="fast", help="fast, best or a number")
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rehearsal", type=int, default=4)
    parser.add_argument("--what", default="all")
    parser.add_argument("--kernel", default="bicubic", help="that the tuning supposes")
    parser.add_argument("--reduced", default="bicubic", help="kernel of the small pictures")
    parser.add_argument("--out", type=Path, default=RESULTS / "internal_learning.csv")
    return parser


def _chosen(args: argparse.Namespace) -> list[Path]:
    paths = sorted(list_images(args.folder))
    if args.list:
        names = {Path(line).stem for line in args.list.read_text().split()}
        paths = [path for path in paths if path.stem in names]
    return paths[args.first :: args.every]


def _measured(network: Network, learning: InternalLearning, path: Path, reduced: str) -> dict:
    scale = network.spec.scale
    gt = read_image(path)
    gt = gt[: gt.shape[0] // scale * scale, : gt.shape[1] // scale * scale]
    lq = _reduced(gt, scale, reduced)
    before = _score(network, lq, gt)
    row = {"before": f"{before:.3f}", "refused": learning.refusal(network, lq)}
    measured = ["seconds", "by_cpu", "predicted", *map("gain_at_{}".format, SHARES)]
    if row["refused"]:
        return row | dict.fromkeys(measured, "")
    started, used = time.perf_counter(), time.process_time()
    predicted = learning.predict(network, lq)
    tuned = learning.tune(network, lq)
    row["seconds"] = f"{time.perf_counter() - started:.1f}"
    row["by_cpu"] = f"{time.process_time() - used:.1f}"
    row["predicted"] = f"{predicted:.3f}"
    for share in SHARES:
        gain = _score(between(network, tuned, share), lq, gt) - before
        row[f"gain_at_{share}"] = f"{gain:.3f}"
    return row


def _summary(rows: list[dict], learning: InternalLearning) -> str:
    tuned = [r for r in rows if not r["refused"] and float(r["predicted"]) >= learning.gate]
    gains = [float(row[f"gain_at_{learning.share}"]) for row in tuned]
    gains += [0.0] * (len(rows) - len(tuned))
    return (
        f"gate {learning.gate} dB, share {learning.share}: {len(tuned)} of {len(rows)} tuned, mean "
        f"gain {np.mean(gains):+.3f} dB, least {min(gains):+.3f}, {sum(g < -0.05 for g in gains)} "
        "lose more than 0.05"
    )


def _reduced(gt: np.ndarray, scale: int, kernel: str) -> Tensor:
    pixels = torch.from_numpy(gt.copy()).permute(2, 0, 1)[None]
    if kernel == "bicubic":
        return imresize_uint8(pixels, 1 / scale).float() / 255
    return Reduction.parse(kernel)(pixels.float() / 255, scale)


def _score(network: Network, lq: Tensor, gt: np.ndarray) -> float:
    with torch.inference_mode():
        sr = restore_in_colour(network, network.spec, lq)
    pixels = (sr[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()
    return psnr(pixels, gt, network.spec.scale)


if __name__ == "__main__":
    sys.exit(main())
