"""What the benchmark scripts share: drawn training data and tables on disk."""

import csv
import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ignn_toolbox.files import write_bytes, write_whole
from ignn_toolbox.images import write_image


def draw_data(root: Path, images: int = 8, size: int = 240) -> None:
    """Draws smooth random pictures into the layout of ``configs/_base_/datasets/bsds_t91.py``."""
    rng = np.random.default_rng(0)
    names = [f"train/BSDS399/{index:03d}" for index in range(images)] + ["train/T91/t0"]
    for name in [*names, "train/BSDS399/held_out"]:
        coarse = torch.from_numpy(rng.random((1, 3, size // 8, size // 8)))
        fine = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
        pixels = (fine[0].permute(1, 2, 0).clamp(0, 1) * 255).byte().numpy()
        write_image(root / f"{name}.png", pixels)
    write_bytes(root / "train/bsds399_val20.txt", b"held_out\n")


def write_table(path: Path, rows: Sequence[dict[str, Any]], key: Sequence[str] = ()) -> None:
    """Writes rows as CSV, with the machine and the versions in each.

    With ``key`` the file's rows that differ from all of these in one of the named columns stay.
    """
    machine = {
        "date": datetime.date.today().isoformat(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine(),
        "threads": torch.get_num_threads(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "torch": torch.__version__,
    }
    new = [row | machine for row in rows]
    kept: list[dict[str, Any]] = []
    if key and path.exists():
        taken = {tuple(str(row[name]) for name in key) for row in new}
        with path.open(newline="") as file:
            kept = [r for r in csv.DictReader(file) if tuple(r[name] for name in key) not in taken]
    with write_whole(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(new[0]), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *new])
