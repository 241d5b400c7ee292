"""``ignn prepare`` as a user meets it."""

import numpy as np

from ignn_toolbox.datasets.image_io import read_image, write_image


def test_lr_check_and_subimages(cli, tmp_path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        image = np.kron(rng.integers(0, 256, (12, 16, 3)), np.ones((4, 4, 1)))
        write_image(tmp_path / "HR" / f"{name}.png", image.astype(np.uint8))
    hr, lr = tmp_path / "HR", tmp_path / "LR"
    status, text, _ = cli("prepare", "lr", hr, lr, "--scale", 2, 4)
    assert status == 0
    assert "made 4 images" in text
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


def test_errors(cli, tmp_path) -> None:
    status, _, error = cli("prepare", "lr", tmp_path / "none", tmp_path / "out", "--scale", 2)
    assert status == 1
    assert "there is no folder" in error
    assert not (tmp_path / "out").exists()
