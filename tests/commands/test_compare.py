"""``ignn compare`` as a user meets it."""

import numpy as np
import pytest

from ignn_toolbox.evaluation import Results, evaluate, write_results
from ignn_toolbox.images import write_image


@pytest.fixture
def scored(tmp_path):
    """Result folders of a weak and a better method on three images."""
    rng = np.random.default_rng(0)
    for index in range(3):
        gt = np.kron(rng.integers(0, 256, (8, 8, 3)), np.ones((6, 6, 1)))
        write_image(tmp_path / "Set3" / f"i{index}.png", gt.astype(np.uint8))
        for name, sigma in (("weak", 12), ("good", 4 + index)):
            noisy = np.clip(gt + rng.normal(0, sigma, gt.shape), 0, 255).astype(np.uint8)
            write_image(tmp_path / name / f"i{index}.png", noisy)
    for name in ("weak", "good"):
        images = evaluate(tmp_path / name, tmp_path / "Set3", 2).images
        info = {"gt_dirs": {"Set3": str(tmp_path / "Set3")}}
        write_results(tmp_path / "scores" / name, Results(name, 2, images, info))
    return tmp_path / "scores"


def test_comparison(cli, scored) -> None:
    status, text, _ = cli("compare", scored / "weak", scored / "good")
    assert status == 0
    assert "PSNR (dB) of good - weak, x2" in text
    assert text.count("more self-similar") == text.count("less self-similar") == 1
    assert "largest gain (Set3, y-float): i0 +" in text
    assert "largest loss (Set3, y-float): none" in text
    assert "nan" not in text


def test_without_ground_truth_the_split_is_left_out_with_a_notice(cli, scored, tmp_path) -> None:
    words = "compare", scored / "weak", scored / "good"
    _, text, _ = cli(*words, "--data-root", tmp_path / "nowhere")
    assert "note: no ground truth of Set3" in text
    assert "self-similar" not in text.split("note:")[0]
    assert cli(*words, "--no-recurrence")[0] == 0
    assert "self-similar" in cli(*words, "--data-root", tmp_path)[1]


def test_errors(cli, scored) -> None:
    status, _, error = cli("compare", scored / "weak")
    assert status == 1
    assert "at least two" in error
    status, _, error = cli("compare", scored / "weak", scored / "none")
    assert status == 1
    assert "none" in error
