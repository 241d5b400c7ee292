"""``ignn prepare`` as a user meets it."""

import json

import numpy as np

from ignn_toolbox.images import read_image, write_image


def test_lr_check_and_subimages(cli, tmp_path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        image = np.kron(rng.integers(0, 256, (12, 16, 3)), np.ones((4, 4, 1)))
        write_image(tmp_path / "HR" / f"{name}.png", image.astype(np.uint8))
    hr, lr = tmp_path / "HR", tmp_path / "LR"
    status, text, _ = cli("prepare", "lr", hr, lr, "--scale", 2, 4)
    assert status == 0
    assert "made 4 images" in text
    status, text, _ = cli("prepare", "lr", hr, lr, "--scale", 2, 4, "--json")
    assert [json.loads(line) for line in text.splitlines()] == [
        {"input": str(hr / name), "made": 0, "kept": 2} for name in ("a.png", "b.png")
    ]
    assert cli("prepare", "lr", hr, lr, "--scale", 2, 4, "--quiet") == (0, "", "")
    status, text, _ = cli("prepare", "check", tmp_path)
    assert status == 0
    assert "nothing wrong was found" in text
    words = "prepare", "subimages", hr, tmp_path / "sub", "--scale", 2, "--size", 24, "--step", 24
    status, text, _ = cli(*words, "--threshold", 0)
    assert status == 0
    assert "made 12 crops" in text
    write_image(lr / "X2" / "ax2.png", read_image(lr / "X2" / "bx2.png"))
    status, text, _ = cli("prepare", "check", tmp_path)
    assert status == 1
    assert "ax2.png: it is the LR image of b.png" in text
    status, text, _ = cli("prepare", "check", tmp_path, "--json")
    assert status == 1
    findings = [json.loads(line) for line in text.splitlines()]
    assert {"path", "kind", "message"} == set(findings[0])
    assert any(f["path"].endswith("ax2.png") and f["kind"] == "swapped" for f in findings)


def test_errors(cli, tmp_path) -> None:
    status, _, error = cli("prepare", "lr", tmp_path / "none", tmp_path / "out", "--scale", 2)
    assert status == 1
    assert "there is no folder" in error
    assert not (tmp_path / "out").exists()


def test_cache_of_a_config(cli, tmp_path) -> None:
    for folder in ("one", "two"):
        image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        write_image(tmp_path / folder / "a.png", image)
    config = tmp_path / "config.py"
    config.write_text(
        """
model = dict(type="Restorer", network=dict(type="EDSR", scale=2, channels=4, num_blocks=1))
train_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="IterationSampler"),
    dataset=dict(
        type="ConcatDataset",
        datasets=[
            dict(type="RestorationDataset", gt_dir="one", cache="cache/one"),
            dict(type="RestorationDataset", gt_dir="two", cache="memory"),
        ],
    ),
)
"""
    )
    status, text, error = cli("prepare", "cache", config, "--data-root", tmp_path)
    assert status == 0, error
    assert "one: 1 pairs" in text
    assert "0 were there already" in text
    assert "1 were there already" in cli("prepare", "cache", config, "--data-root", tmp_path)[1]
    assert (tmp_path / "cache" / "one" / "pairs.bin").stat().st_size == 3 * (16 * 16 + 8 * 8)
    option = "train_dataloader.dataset.datasets.0.cache=memory"
    status, _, error = cli("prepare", "cache", config, "--cfg-options", option)
    assert status == 1
    assert "names a cache folder" in error
