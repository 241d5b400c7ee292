"""Drawn training data, for programs that need any and not good ones."""

from pathlib import Path

import numpy as np
import torch

from ignn_toolbox.files import write_bytes
from ignn_toolbox.images import write_image


def draw_data(root: Path, images: int = 8, size: int = 240) -> None:
    """Draw smooth random pictures into the layout of ``configs/_base_/datasets/bsds_t91.py``."""
    rng = np.random.default_rng(0)
    names = [f"train/BSDS399/{index:03d}" for index in range(images)] + ["train/T91/t0"]
    for name in [*names, "train/BSDS399/held_out"]:
        coarse = torch.from_numpy(rng.random((1, 3, size // 8, size // 8)))
        fine = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
        pixels = (fine[0].permute(1, 2, 0).clamp(0, 1) * 255).byte().numpy()
        write_image(root / f"{name}.png", pixels)
    write_bytes(root / "train/bsds399_val20.txt", b"held_out\n")
