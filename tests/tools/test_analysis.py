"""The scripts of tools/analysis, run as a user runs them."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ignn_toolbox.images import read_image, write_image

CONFIG = """
data_root = "{root}"
randomness = dict(seed=1)
model = dict(
    type="Restorer",
    network=dict(type="EDSR", scale=2, channels=4, num_blocks=1),
)
train_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="RestorationDataset",
        gt_dir="HR",
        pipeline=[dict(type="PairedRandomCrop", lq_size=8), dict(type="PackInputs")],
    ),
)
"""


@pytest.fixture
def script(repo_dir: Path, tmp_path: Path):
    """Runs a script of tools/analysis on a small config; returns what it printed."""
    image = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    write_image(tmp_path / "HR" / "a.png", image)
    config = tmp_path / "config.py"
    config.write_text(CONFIG.format(root=tmp_path))

    def run(name: str, *words: object) -> str:
        path = repo_dir / "tools" / "analysis" / f"{name}.py"
        command = [sys.executable, str(path), str(config), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=repo_dir)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_print_config_shows_shared_values(script) -> None:
    text = script("print_config", "--cfg-options", "train_dataloader.batch_size=3")
    assert "batch_size=3" in text
    assert "seed=1" in text.split("dataset=")[1]
    assert "scale=2" in text.split("dataset=")[1]


@pytest.mark.slow
def test_get_flops_counts_convolutions(script) -> None:
    text = script("get_flops", "--size", 10, 12)
    # 3x3 convolutions on LR pixels: stem, two of the block, body end, upsampler; output on HR.
    lr_pixels, channels = 10 * 12, 4
    macs = 9 * lr_pixels * (3 * channels + 3 * channels**2 + 4 * channels**2)
    macs += 9 * 4 * lr_pixels * 3 * channels
    macs += (lr_pixels + 4 * lr_pixels) * 9  # 1x1 convolutions that take and give the mean
    assert f"{macs:,}" in text
    assert f"{macs / (4 * lr_pixels):,.0f}" in text


@pytest.mark.slow
def test_browse_dataset_draws_the_crops(script, tmp_path: Path) -> None:
    out = tmp_path / "fed.png"
    script("browse_dataset", "-o", out, "--count", 3, "--columns", 2)
    drawn = read_image(out)
    assert drawn.shape == (2 * (16 + 4), 2 * (32 + 4), 3)
    whole = read_image(tmp_path / "HR" / "a.png")
    crop = drawn[:16, 16:32]  # the first pair's HR half
    places = [
        (y, x)
        for y in range(0, 25, 2)
        for x in range(0, 33, 2)
        if (whole[y : y + 16, x : x + 16] == crop).all()
    ]
    assert len(places) == 1


def test_learning_curves_join_what_was_logged_before_and_after_a_resume(
    repo_dir: Path, tmp_path: Path
) -> None:
    logs = {
        "20260101_000000": [(100, 0.3, 0.5), (200, 0.2, 0.5), (300, 0.9, 0.5)],
        "20260102_000000": [(300, 0.1, 1.0)],  # went on after the 250th
    }
    for folder, lines in logs.items():
        file = tmp_path / "run" / folder / "vis_data" / "scalars.json"
        file.parent.mkdir(parents=True)
        records = [{"step": n, "loss": loss, "lr": 1.0, "time": t} for n, loss, t in lines]
        records.append({"step": lines[-1][0], "set/PSNR": 30.0 + lines[-1][1]})
        file.write_text("".join(json.dumps(record) + "\n" for record in records))
    script = repo_dir / "tools" / "analysis" / "learning_curves.py"
    command = [
        sys.executable,
        str(script),
        f"mine={tmp_path / 'run'}",
        "-o",
        str(tmp_path / "c.csv"),
    ]
    subprocess.run(command, check=True, cwd=repo_dir)
    with (tmp_path / "c.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["run"], r["iteration"], r["loss"], r["seconds"], r["set/PSNR"]) for r in rows] == [
        ("mine", "100", "0.3", "50.0", ""),
        ("mine", "200", "0.2", "100.0", ""),
        ("mine", "300", "0.1", "200.0", "30.1"),
    ]
    command[2] = f"mine={tmp_path / 'none'}"
    failed = subprocess.run(command, capture_output=True, text=True, cwd=repo_dir)
    assert failed.returncode == 2
    assert "holds no log" in failed.stderr
