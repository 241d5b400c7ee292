"""How much of a network's error the neighbours that GraphAgg finds could mend.

What a trained network without a graph got wrong on luma is fitted, by least squares, from its k
neighbours' patches: their details and their difference from the network's output, for each rank.
The fit has seen its answers, with one set of coefficients for all images or one for each image, so
its gain bounds what a linear use of these neighbours can bring. Random neighbours say how much of
that is chance. Nothing is trained.

    python benchmarks/neighbor_gain.py --images data/train/BSDS399 \\
        --list data/train/bsds399_val20.txt --name bsds399_val20
"""

import argparse
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from frame.table import write_table
from torch import Tensor

from ignn_toolbox.apis import init_model
from ignn_toolbox.evaluation.protocols import luma
from ignn_toolbox.images import list_images, read_image
from ignn_toolbox.models.aggregators.graph_agg import downsampled
from ignn_toolbox.models.backbones.base import Backbone
from ignn_toolbox.models.embedders.vgg import VGGEmbedder
from ignn_toolbox.ops import Search, imresize_uint8, prepare_neighbors, search
from ignn_toolbox.ops.aggregate import as_map

BORDER = 4  # HR pixels
NEIGHBORS = 5


def colours(_: Backbone, image: Tensor) -> Tensor:
    """As `RGBEmbedder`: patches of 3x3 pixels are compared by their colours."""
    return image


def colours_around(_: Backbone, image: Tensor) -> Tensor:
    """The colours of 5x5 pixels at each place, so that patches of 7x7 are compared."""
    around = F.unfold(F.pad(image, (2, 2, 2, 2), mode="reflect"), 5)
    return around.view(1, -1, *image.shape[-2:])


def own_features(network: Backbone, image: Tensor) -> Tensor:
    """What the network has made of the image where an aggregator would sit."""
    features = network.stem(network.sub_mean(image))
    for block in network.blocks[: len(network.blocks) // 2]:
        features = block(features)
    return features


CASES: dict[str, dict[str, Any]] = {
    "as in ignn_tiny": {},
    "random": {"kind": "random"},
    "whole image searched": {"window": None},
    "without AdaPN": {"adapn": False},
    "patches of 7x7": {"embed": colours_around},
    "features of the network compared": {"embed": own_features},
}


def columns(
    network: Backbone,
    lq: Tensor,
    output: np.ndarray,
    kind: str = "nearest",
    embed: Callable[[Backbone, Tensor], Tensor] = colours,
    window: int | None = 30,
    adapn: bool = True,
) -> np.ndarray:
    """What the error is fitted from, ``(pixels, 2 * k)``."""
    images = (embed(network, image) for image in (lq, downsampled(lq, 2)))
    graph = search(*images, Search(2, NEIGHBORS, window, neighbors=kind))
    neighbors = prepare_neighbors(lq, graph, adapn=adapn)
    height, width = output.shape
    found = []
    for rank in range(NEIGHBORS):
        plane = plane_of(as_map(neighbors.fold(slice(rank, rank + 1)))[0][..., :height, :width])
        found += [plane - cv2.blur(plane, (5, 5)), plane - output]
    return np.stack([inner(plane) for plane in found], axis=1)


def plane_of(image: Tensor) -> np.ndarray:
    """Luma of a ``(1, 3, H, W)`` image in [0, 1]."""
    return luma(image[0].permute(1, 2, 0).double().numpy() * 255)[..., 0]


def inner(plane: np.ndarray) -> np.ndarray:
    """Pixels that are scored, in a row."""
    return plane[BORDER:-BORDER, BORDER:-BORDER].ravel()


def gain(normal: np.ndarray, mixed: np.ndarray, coefficients: np.ndarray) -> float:
    """dB that an image gains, for products scaled to an error of 1."""
    left = 1 - 2 * coefficients @ mixed + coefficients @ normal @ coefficients
    return -10 * math.log10(left)


def measured(
    network: Backbone, files: list[Path], cases: dict[str, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """One row a case."""
    products: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {case: [] for case in cases}
    for number, file in enumerate(files, 1):
        print(f"\r{number} of {len(files)} images", end="", flush=True)
        gt = torch.from_numpy(read_image(file).copy()).permute(2, 0, 1)[None]
        gt = gt[..., : gt.shape[-2] // 2 * 2, : gt.shape[-1] // 2 * 2]
        lq = imresize_uint8(gt, 0.5).float() / 255
        output = plane_of(network(lq))
        error = inner(plane_of(gt / 255) - output)
        for case, options in cases.items():
            known = columns(network, lq, output, **options)
            energy = error @ error
            products[case].append((known.T @ known / energy, known.T @ error / energy))
    print()
    for case, parts in products.items():
        normal, mixed = (sum(part) for part in zip(*parts, strict=True))
        shared = np.linalg.lstsq(normal, mixed, rcond=None)[0]
        single = [gain(n, m, np.linalg.lstsq(n, m, rcond=None)[0]) for n, m in parts]
        yield {
            "neighbours": case,
            "images": len(parts),
            "gain_db": f"{np.mean([gain(n, m, shared) for n, m in parts]):.4f}",
            "gain_own_coefficients_db": f"{np.mean(single):.4f}",
            "largest_own_db": f"{max(single):.4f}",
        }


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="folder of HR images")
    parser.add_argument("--list", type=Path, help="file that names those to take, without suffix")
    parser.add_argument("--every", type=int, default=1, help="take one image of so many (1)")
    parser.add_argument("--name", required=True, help="name of the set in the table")
    parser.add_argument("--model", default="edsr_tiny_x2", help="x2 network without a graph")
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--vgg", type=Path, help="VGG19's weights: compare its features as well")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/neighbor_gain.csv"))
    args = parser.parse_args()
    files = list_images(args.images)
    if args.list is not None:
        wanted = set(args.list.read_text().split())
        files = [file for file in files if file.stem in wanted or file.name in wanted]
    files = files[:: args.every]
    if not files:
        parser.error(f"no image of {args.images} is taken")
    network = init_model(args.model).network
    cases = {case: CASES[case] for case in args.cases}
    if args.vgg is not None:
        vgg = VGGEmbedder(str(args.vgg))
        cases["VGG19's features compared"] = {"embed": lambda _, image: vgg(image)}
    rows = [
        {"set": args.name, "model": args.model, **row} for row in measured(network, files, cases)
    ]
    write_table(args.out, rows, key=("set", "model", "neighbours"))
    for row in rows:
        print(*row.values(), sep="  ")


if __name__ == "__main__":
    main()
