"""Cut the rehearsal crops that ship with the package out of CC0 and public-domain photographs.

python tools/analysis/rehearsal_crops.py data/train/wall2k

From every photograph the square of most local contrast is taken; the crops stand side by side in
one lossless picture, with a table of where each comes from.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np

from ignn_toolbox.files import write_whole
from ignn_toolbox.images import read_image, write_image

NAMES = (
    "akc_budapest-parlament-interior",
    "budgie_abstract-spiral",
    "budgie_budgie-branch",
    "budgie_casa-mila",
    "budgie_motherboard-circuits",
    "budgie_orange-hallway",
    "budgie_san-francisco-skyline",
    "budgie_singaporean-cityscape",
    "budgie_the-spices-of-life",
    "budgie_tunnel-zion-park",
    "gallium_galliumos-2-1-architectural",
    "ubuntu_ryan-stone-skykomish-river",
)
SIDE = 144  # a multiple of 2, 3 and 4, and of their squares
FOLDER = Path(__file__).resolve().parents[2] / "ignn_toolbox/models/restorers/rehearsal"


def crop_of(pixels: np.ndarray) -> tuple[int, int]:
    """Top and left of the square with the largest median of absolute differences."""
    grey = pixels.astype(np.float64).mean(2)
    step = SIDE // 2
    found = {}
    for top in range(0, grey.shape[0] - SIDE + 1, step):
        for left in range(0, grey.shape[1] - SIDE + 1, step):
            part = grey[top : top + SIDE, left : left + SIDE]
            found[top, left] = np.abs(np.diff(part)).mean() + np.abs(np.diff(part, axis=0)).mean()
    return max(found, key=lambda place: found[place])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="wall2k, with its sources.csv")
    args = parser.parse_args()
    with (args.folder / "sources.csv").open(newline="", encoding="utf-8") as file:
        sources = {Path(row["file"]).stem: row for row in csv.DictReader(file)}
    crops, rows = [], []
    for name in NAMES:
        source = sources[name]
        pixels = read_image(args.folder / source["file"])
        top, left = crop_of(pixels)
        crops.append(pixels[top : top + SIDE, left : left + SIDE])
        rows.append(
            {key: source[key] for key in ("file", "repository", "path", "licence", "author")}
            | {"reduced_by": source["factor"], "top": top, "left": left}
        )
    write_image(FOLDER / "crops.webp", np.concatenate(crops, axis=1))
    with write_whole(FOLDER / "sources.csv") as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
