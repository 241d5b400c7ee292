"""Draws what the network is fed: pairs of a config's data, crops and augmentation applied.

Each LR image stands beside its HR image, enlarged to the same size by repeating pixels.

Example: python tools/analysis/browse_dataset.py edsr_tiny_x2 --data-root data -o fed.png
"""

import argparse
from pathlib import Path

import numpy as np
from mmengine.registry import init_default_scope

from ignn_toolbox.datasets import SampleIndex
from ignn_toolbox.engine.config import dataloaders, load_config, parse_options
from ignn_toolbox.images import write_image
from ignn_toolbox.registry import DATASETS

GAP = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", metavar="CONFIG", help="config file, bundled config or zoo name")
    parser.add_argument("-o", "--out", type=Path, default=Path("dataset.png"), metavar="FILE")
    parser.add_argument("--section", default="train_dataloader", help="or val_dataloader, ...")
    parser.add_argument("--count", type=int, default=16, help="samples to draw (16)")
    parser.add_argument("--columns", type=int, default=4, help="pairs side by side (4)")
    parser.add_argument("--data-root", metavar="DIR", help="folder that holds the data sets")
    parser.add_argument(
        "--cfg-options", action="extend", nargs="+", metavar="KEY=VALUE", help="changes"
    )
    args = parser.parse_args()
    config = load_config(args.config, parse_options(args.cfg_options), data_root=args.data_root)
    init_default_scope("ignn_toolbox")
    loaders = dict(dataloaders(config))
    if args.section not in loaders:
        parser.error(f"the config has no {args.section}, it has {', '.join(loaders)}")
    dataset = DATASETS.build(loaders[args.section]["dataset"])
    order = np.random.default_rng(0).permutation(len(dataset))
    pairs = []
    for draw in range(args.count):
        item = dataset[SampleIndex(order[draw % len(order)], draw)]
        images = item["inputs"], item["data_samples"].gt_img
        lq, gt = (image.permute(1, 2, 0).numpy() for image in images)
        scale = gt.shape[0] // lq.shape[0]
        pairs.append(np.hstack([lq.repeat(scale, axis=0).repeat(scale, axis=1), gt]))
    write_image(args.out, grid(pairs, args.columns))
    print(f"drew {len(pairs)} of {len(dataset)} pairs to {args.out}")


def grid(pictures: list[np.ndarray], columns: int) -> np.ndarray:
    """Put pictures (H, W, 3) into cells of the largest one's size, on white."""
    height = max(picture.shape[0] for picture in pictures) + GAP
    width = max(picture.shape[1] for picture in pictures) + GAP
    rows = -(-len(pictures) // columns)
    canvas = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        y, x = row * height, column * width
        canvas[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return canvas


if __name__ == "__main__":
    main()
