"""Reducing kernels: what they compute, and files that are none."""

import numpy as np
import pytest
import torch

from ignn_toolbox.models.restorers.reduction import Reduction
from ignn_toolbox.ops import imresize


def test_bicubic_is_the_exact_one_in_steps_of_8_bits():
    image = torch.rand(2, 3, 24, 36)
    small = Reduction.parse("bicubic")(image, 3)
    assert torch.equal((small * 255).round() / 255, small)
    assert (small - imresize(image, 1 / 3).clamp(0, 1)).abs().max() <= 0.5001 / 255


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_gaussians_are_centred_and_as_wide_as_said(scale):
    """A line's place is the mean of what becomes of it, its width the root of their variance."""
    sigma, side = 1.7, 40
    reduce = Reduction.parse(f"gaussian:{sigma}")
    responses = []
    for column in range(side * scale):
        image = torch.zeros(1, 1, side * scale, side * scale)
        image[..., column] = 1
        responses.append(reduce(image, scale)[0, 0, side // 2, side // 2])
    weights = np.array(responses, float)
    assert weights.sum() == pytest.approx(1, abs=0.03)  # of 8-bit numbers
    places = np.arange(side * scale)
    mean = (weights * places).sum() / weights.sum()
    middle = scale * (side // 2) + (scale - 1) / 2
    assert mean == pytest.approx(middle, abs=0.02)
    deviation = np.sqrt((weights * (places - mean) ** 2).sum() / weights.sum())
    assert deviation == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("kernel", ["gaussian:0.4", "gaussian:5", "file"])
def test_constants_stay(kernel, tmp_path):
    if kernel == "file":
        kernel = str(tmp_path / "kernel.txt")
        (tmp_path / "kernel.txt").write_text("1, 2\n3, 6\n\n")
    constant = torch.full((1, 3, 24, 36), 102 / 255)
    for scale in (2, 3, 4):
        assert torch.equal(
            Reduction.parse(kernel)(constant, scale), constant[..., ::scale, ::scale]
        )


def test_a_file_holds_the_kernel(tmp_path):
    """One weight of three: over the upper left of four pixels, and the middle one of nine."""
    (tmp_path / "k.csv").write_text("0,0,0\n0,7,0\n0,0,0\n")
    reduce = Reduction.parse(str(tmp_path / "k.csv"))
    image = (torch.arange(36 * 3) / 255).reshape(1, 3, 6, 6)
    assert torch.equal(reduce(image, 2), image[..., ::2, ::2])
    assert torch.equal(reduce(image, 3), image[..., 1::3, 1::3])
    (tmp_path / "one.txt").write_text("2.5")
    assert torch.equal(Reduction.parse(str(tmp_path / "one.txt"))(image, 3), image[..., 1::3, 1::3])


@pytest.mark.parametrize(
    "text",
    ["", "1 2\n3", "1 two", "nan", "1 -1", "inf 1", "0 0", " ".join(["1"] * 100), "\udcff"],
)
def test_files_that_hold_none_are_named(text, tmp_path):
    path = tmp_path / "kernel.txt"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"kernel\.txt is no kernel"):
        Reduction.parse(str(path))


@pytest.mark.parametrize(
    "text", ["gaussian:", "gaussian:0", "gaussian:-1", "gaussian:nan", "gaussian:99"]
)
def test_widths_that_are_none(text):
    with pytest.raises(ValueError, match="gaussian:SIGMA with a width above 0"):
        Reduction.parse(text)


def test_no_such_file():
    with pytest.raises(FileNotFoundError, match="say bicubic, gaussian:SIGMA, or the name"):
        Reduction.parse("lanczos")
