"""What internal learning brings, picture by picture: predicted and true gain.

python benchmarks/internal_learning.py edsr_tiny_x2 data/train/wall2k --list wall2k_val12.txt
python benchmarks/internal_learning.py edsr_tiny_x2 data/bench/Urban100 --every 5 --steps best

The networks are tuned whatever gain is predicted; ``taken`` says whether the gate would take them,
and ``gained`` what the result gains then (y-float, dB).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from frame.table import RESULTS, write_table

from ignn_toolbox.apis import init_model
from ignn_toolbox.evaluation.protocols import psnr
from ignn_toolbox.images import list_images, read_image
from ignn_toolbox.models.colour import restore_in_colour
from ignn_toolbox.models.restorers.internal_learning import InternalLearning
from ignn_toolbox.ops import imresize_uint8


def score(network, lq: torch.Tensor, gt: np.ndarray) -> float:
    with torch.inference_mode():
        sr = restore_in_colour(network, network.spec, lq)
    pixels = (sr[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()
    return psnr(pixels, gt, network.spec.scale)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="zoo name, config or checkpoint")
    parser.add_argument("folder", type=Path, help="of ground truths")
    parser.add_argument("--list", type=Path, help="file of names; all without")
    parser.add_argument("--every", type=int, default=1, help="every n-th picture")
    parser.add_argument("--steps", default="fast", help="fast, best or a number")
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--rehearsal", type=int, default=8)
    parser.add_argument("--what", default="all")
    parser.add_argument("--out", type=Path, default=RESULTS / "internal_learning.csv")
    args = parser.parse_args(words)
    steps = int(args.steps) if args.steps.isdecimal() else args.steps
    network = init_model(args.model).network
    learning = InternalLearning(steps, args.lr, rehearsal=args.rehearsal, what=args.what)
    paths = sorted(list_images(args.folder))
    if args.list:
        names = {Path(line).stem for line in args.list.read_text().split()}
        paths = [path for path in paths if path.stem in names]
    gains = []
    for path in paths[:: args.every]:
        gt = read_image(path)
        scale = network.spec.scale
        gt = gt[: gt.shape[0] // scale * scale, : gt.shape[1] // scale * scale]
        pixels = torch.from_numpy(gt.copy()).permute(2, 0, 1)[None]
        lq = imresize_uint8(pixels, 1 / scale).float() / 255
        tuned, made = learning.tune(network, lq)
        taken, _ = learning.decide(network, tuned, made)
        before = score(network, lq, gt)
        gain = score(tuned, lq, gt) - before
        gains.append(gain if taken is tuned else 0.0)
        row = {
            "model": args.model,
            "set": args.folder.name,
            "picture": path.stem,
            "steps": learning.steps,
            "lr": args.lr,
            "rehearsal": args.rehearsal,
            "what": args.what,
            "before": f"{before:.3f}",
            "gain": f"{gain:.3f}",
            "predicted": f"{made.predicted:.3f}",
            "part_1": f"{made.parts[0]:.3f}",
            "part_2": f"{made.parts[1]:.3f}",
            "shift": f"{made.shift:.3f}",
            "taken": int(taken is tuned and not made.refused),
            "seconds": f"{made.seconds:.1f}",
        }
        key = ["model", "set", "picture", "steps", "lr", "rehearsal", "what"]
        write_table(args.out, [row], key=key)
        print(" ".join(str(value) for value in row.values()), flush=True)
    print(f"mean gain {np.mean(gains):+.3f} dB of {len(gains)} pictures, least {min(gains):+.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
