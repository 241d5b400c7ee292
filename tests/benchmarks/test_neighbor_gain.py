"""benchmarks/neighbor_gain.py on a picture whose details recur across scales."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ignn_toolbox.images import write_image


@pytest.mark.slow
def test_recurring_details_are_found_among_nearest_but_not_random_neighbors(
    repo_dir: Path, tmp_path: Path
) -> None:
    y, x = np.mgrid[-80:80, -80:80]
    rays = np.sin(48 * np.arctan2(y, x)) > 0  # a star looks the same at every scale
    write_image(
        tmp_path / "hr" / "star.png", np.repeat(rays[..., None] * 200 + 20, 3, 2).astype("u1")
    )
    table = tmp_path / "gain.csv"
    command = [sys.executable, str(repo_dir / "benchmarks" / "neighbor_gain.py")]
    command += ["--images", str(tmp_path / "hr"), "--name", "star", "--out", str(table)]
    done = subprocess.run(
        [*command, "--cases", "as in ignn_tiny", "random"],
        capture_output=True,
        text=True,
        cwd=repo_dir,
    )
    assert done.returncode == 0, done.stderr
    with table.open() as file:
        nearest, chance = (float(row["gain_db"]) for row in csv.DictReader(file))
    assert nearest > 3 * chance > 0
