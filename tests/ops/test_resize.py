"""Bicubic resizing against MATLAB's files, golden cases and a textbook version."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ignn_toolbox.ops.resize import cubic, imresize, imresize_uint8

DATA = Path(__file__).parents[1] / "data"


def textbook_axis(row: np.ndarray, scale: float, border: str) -> np.ndarray:
    """One axis of MATLAB's imresize, one output value and one source pixel at a time."""
    out = np.zeros(math.ceil(scale * len(row)))
    stretch = min(scale, 1.0)
    for i in range(len(out)):
        centre = (i + 0.5) / scale - 0.5
        total = 0.0
        for j in range(math.floor(centre - 2 / stretch), math.ceil(centre + 2 / stretch) + 1):
            weight = float(cubic(torch.tensor((centre - j) * stretch, dtype=torch.float64)))
            if border == "replicate":
                k = min(max(j, 0), len(row) - 1)
            else:
                k = j
                while not 0 <= k < len(row):
                    k = -1 - k if k < 0 else 2 * len(row) - 1 - k
            out[i] += weight * row[k]
            total += weight
        out[i] /= total
    return out


def textbook(image: np.ndarray, scale: float, border: str) -> np.ndarray:
    columns = [textbook_axis(column, scale, border) for column in image.T]
    return np.stack([textbook_axis(row, scale, border) for row in np.stack(columns, 1)])


@pytest.mark.parametrize("border", ["symmetric", "replicate"])
@pytest.mark.parametrize("scale", [0.5, 1 / 3, 0.25, 1 / 8, 0.7, 1.0, 1.3, 2, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(9, 14), (1, 5)])
def test_equals_textbook_version(scale: float, border: str, height: int, width: int) -> None:
    image = np.random.default_rng(0).random((height, width))
    expected = textbook(image, scale, border)
    result = imresize(torch.from_numpy(image), scale, border=border)
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol=1e-12)


def test_golden_downsampled_images(shared_dir) -> None:
    golden = np.load(shared_dir / "golden" / "ignn" / "imresize.npz")
    names = [name for name in golden if name.startswith("x_")]
    assert names
    for name in names:
        scale = int(name.split("_")[1])
        x = torch.from_numpy(golden[name]).float() / 255
        height, width = x.shape[-2] // scale * scale, x.shape[-1] // scale * scale
        result = imresize(x[..., :height, :width], 1 / scale).clamp(0, 1) * 255
        np.testing.assert_allclose(result, golden[name.replace("x_", "son_")], atol=1e-4, rtol=0)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_matlab_files_have_no_differing_byte(shared_dir, scale: int) -> None:
    files = sorted((shared_dir / "data" / "matlab" / "Set5_LRBI").glob(f"*_x{scale}.png"))
    assert len(files) == 5
    for file in files:
        expected = cv2.imread(str(file))
        name = file.name.split("_")[0]
        gt = cv2.imread(str(shared_dir / "data" / "bench" / "Set5" / f"{name}.png"))
        gt = gt[: gt.shape[0] // scale * scale, : gt.shape[1] // scale * scale]
        result = imresize_uint8(torch.from_numpy(gt).permute(2, 0, 1), 1 / scale)
        assert (result.permute(1, 2, 0).numpy() != expected).sum() == 0, file.name


def test_matlab_values_kept_as_numbers() -> None:
    """The interior of two crops of MATLAB's LR files, where their own edges play no part."""
    evidence = np.load(DATA / "matlab_bicubic.npz")
    for scale in (2, 3, 4):
        result = imresize_uint8(torch.from_numpy(evidence["gt"]), 1 / scale)[..., 3:-3, 3:-3]
        assert torch.equal(result, torch.from_numpy(evidence[f"lr_x{scale}"]))


def test_both_passes_round() -> None:
    x = torch.randint(0, 256, (1, 64, 64), generator=torch.manual_seed(0), dtype=torch.uint8)
    once = imresize(x.double(), 0.5).add(0.5).floor().clamp(0, 255).byte()
    share = (imresize_uint8(x, 0.5) != once).double().mean()
    assert 0.05 < share < 0.25


def test_vertical_pass_comes_first() -> None:
    x = torch.randint(0, 256, (1, 40, 40), generator=torch.manual_seed(0), dtype=torch.uint8)
    flipped = imresize_uint8(x.transpose(-1, -2), 0.5).transpose(-1, -2)
    assert not torch.equal(imresize_uint8(x, 0.5), flipped)


@pytest.mark.parametrize("scale", [1 / 3, 0.5, 0.7, 2.5])
def test_constant_stays_constant(scale: float) -> None:
    x = torch.full((2, 3, 17, 12), 0.3, dtype=torch.float64)
    result = imresize(x, scale)
    torch.testing.assert_close(result, torch.full_like(result, 0.3))
    assert torch.equal(
        imresize_uint8(torch.full((17, 12), 77, dtype=torch.uint8), scale).unique(),
        torch.tensor([77], dtype=torch.uint8),
    )


def test_scale_one_is_identity() -> None:
    x = torch.rand(1, 3, 8, 9)
    assert torch.equal(imresize(x, 1), x)


def test_result_does_not_depend_on_batch_layout_or_threads() -> None:
    x = torch.rand(3, 3, 301, 407)
    whole = imresize(x, 1 / 3)
    assert torch.equal(whole[1:2], imresize(x[1:2], 1 / 3))
    strided = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert torch.equal(whole, imresize(strided, 1 / 3))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        assert torch.equal(whole, imresize(x, 1 / 3))
    finally:
        torch.set_num_threads(threads)


def test_size_sets_each_axis() -> None:
    x = torch.rand(1, 10, 12, dtype=torch.float64)
    assert imresize(x, size=(5, 30)).shape == (1, 5, 30)
    torch.testing.assert_close(imresize(x, size=(5, 6)), imresize(x, 0.5))


def test_half_precision_and_autocast_compute_in_float32() -> None:
    x = torch.rand(1, 3, 20, 20)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(imresize(x, 0.5), imresize(x.float(), 0.5))
    assert imresize(x.bfloat16(), 0.5).dtype == torch.float32


def test_gradient() -> None:
    x = torch.rand(1, 1, 7, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: imresize(y, 0.5), x)
    assert torch.autograd.gradcheck(lambda y: imresize(y, 2), x)


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (TypeError, "floating-point", lambda: imresize(torch.zeros(4, 4, dtype=torch.uint8), 2)),
        (TypeError, "uint8", lambda: imresize_uint8(torch.zeros(4, 4), 2)),
        (ValueError, "either scale or size", lambda: imresize(torch.zeros(4, 4))),
        (ValueError, "positive", lambda: imresize(torch.zeros(4, 4), 0)),
        (ValueError, "at least 1x1", lambda: imresize(torch.zeros(4, 4), size=(0, 3))),
        (ValueError, "one pixel", lambda: imresize(torch.zeros(3, 0, 4), 2)),
        (ValueError, "'wrap'", lambda: imresize(torch.zeros(4, 4), 2, border="wrap")),
    ],
)
def test_errors(error: type[Exception], message: str, call) -> None:
    with pytest.raises(error, match=message):
        call()


def test_8_bits_are_planned_without_values():
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode() as mode:  # as the planning of memory does
        x = mode.from_tensor(torch.zeros(1, 3, 5, 7, dtype=torch.uint8))
        assert imresize_uint8(x, 2).shape == (1, 3, 10, 14)
    assert imresize_uint8(torch.full((1, 3, 5, 7), 9, dtype=torch.uint8), 2).eq(9).all()
