"""PSNR and SSIM against MATLAB, the authors' code, scikit-image and published means."""

import csv
import json

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ignn_toolbox.datasets.degradations import bicubic_lr
from ignn_toolbox.datasets.transforms import modcrop
from ignn_toolbox.evaluation import PROTOCOLS, luma, psnr, score, ssim, to_uint8
from ignn_toolbox.evaluation.protocols import compared_planes
from ignn_toolbox.images import list_images, read_image
from ignn_toolbox.ops.resize import imresize_uint8


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    gt = np.kron(rng.integers(0, 256, (10, 12, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    noise = rng.normal(0, 8, gt.shape)
    return np.clip(gt + noise, 0, 255).astype(np.uint8), gt


def test_matlab_scores_of_rcan_images(shared_dir) -> None:
    matlab = shared_dir / "data" / "matlab"
    lines = (matlab / "rcan_x4_matlab_scores.csv").read_text().splitlines()[1:]
    rows = list(csv.DictReader(lines))
    assert len(rows) == 5
    for row in rows:
        sr = read_image(matlab / "Set5_RCAN_x4" / f"{row['image']}_RCAN_x4.png")
        gt = modcrop(read_image(shared_dir / "data/bench/Set5" / f"{row['image']}.png"), 4)
        result = score(sr, gt, 4)
        np.testing.assert_allclose(
            result, [float(row["psnr"]), float(row["ssim"])], atol=2e-6, rtol=0
        )


def test_golden_scores_of_the_authors_code(shared_dir) -> None:
    golden = np.load(shared_dir / "golden" / "ignn" / "metrics.npz")
    for case in (0, 1):
        sr = to_uint8(golden[f"out_{case}"].transpose(1, 2, 0).astype(np.float64) / 255)
        gt = golden[f"gt_{case}"].transpose(1, 2, 0)
        for border in (2, 3, 4):
            expected = [golden[f"{name}_{case}_{border}"] for name in ("psnr", "ssim")]
            np.testing.assert_allclose(score(sr, gt, border), expected, rtol=1e-12)


def check_bicubic_means(shared_dir, dataset: str, scale: int) -> None:
    expected = json.loads((shared_dir / "data/bicubic_scores.json").read_text())
    expected = expected[f"{dataset}_x{scale}"]
    results = {}
    for path in list_images(shared_dir / "data/bench" / dataset):
        gt = modcrop(read_image(path), scale)
        lr = torch.from_numpy(bicubic_lr(gt, scale)).permute(2, 0, 1)
        results[path.stem] = score(imresize_uint8(lr, scale).permute(1, 2, 0).numpy(), gt, scale)
    assert results.keys() == expected["images"].keys()
    for name, figures in results.items():
        assert abs(figures[0] - expected["images"][name][0]) < 1e-3, name
        assert abs(figures[1] - expected["images"][name][1]) < 1e-5, name
    mean = np.mean(list(results.values()), 0)
    assert abs(mean[0] - expected["mean"][0]) < 1e-3
    assert abs(mean[1] - expected["mean"][1]) < 1e-4


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("dataset", ["Set5", "Set14"])
def test_bicubic_means(shared_dir, dataset: str, scale: int) -> None:
    check_bicubic_means(shared_dir, dataset, scale)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_means_of_urban100(shared_dir, scale: int) -> None:
    check_bicubic_means(shared_dir, "Urban100", scale)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("border", [0, 3])
def test_equals_scikit_image(pair, protocol: str, border: int) -> None:
    if PROTOCOLS[protocol].colour == "plane":
        pair = [image[..., :1] for image in pair]
    x, y = compared_planes(*pair, border, protocol)
    if PROTOCOLS[protocol].window == "gaussian":  # scikit-image has no windows of an even side
        expected = structural_similarity(
            x,
            y,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
        assert abs(ssim(*pair, border, protocol) - expected) < 1e-9
    expected = peak_signal_noise_ratio(y, x, data_range=255)
    assert abs(psnr(*pair, border, protocol) - expected) < 1e-9


def test_luma_of_known_colours() -> None:
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]])
    expected = [16, 235, 81.481, 144.553, 40.966]
    np.testing.assert_allclose(luma(colours.astype(np.uint8))[0, :, 0], expected, atol=1e-9)


def test_protocols_differ_as_their_names_say(pair) -> None:
    sr, gt = pair
    coloured = [name for name, how in PROTOCOLS.items() if how.colour != "plane"]
    values = {protocol: psnr(sr, gt, 2, protocol) for protocol in coloured}
    assert len(set(values.values())) == 4
    planes = compared_planes(sr, gt, 2, "y-uint8")
    assert all((plane == np.round(plane)).all() for plane in planes)
    assert abs(values["y-float"] - values["y-uint8"]) < 0.2
    assert values["y-float"] > values["rgb"]


def test_grey_images_have_the_same_error_in_luma_up_to_its_range(pair) -> None:
    sr, gt = (np.repeat(image[..., :1], 3, axis=2) for image in pair)
    # Luma spans 219 of 255 steps, so the error shrinks by 219/255.
    gain = 20 * np.log10(255 / 219)
    assert abs(psnr(sr, gt, 0, "y-float") - psnr(sr, gt, 0, "rgb") - gain) < 1e-9


def test_border_pixels_do_not_count(pair) -> None:
    sr, gt = pair
    damaged = sr.copy()
    damaged[:3] = 0
    damaged[:, -3:] = 255
    assert score(damaged, gt, 3) == score(sr, gt, 3)
    assert score(damaged, gt, 2) != score(sr, gt, 2)


def test_equal_images_score_infinity_and_one(pair) -> None:
    _, gt = pair
    assert score(gt, gt, 2) == (np.inf, 1.0)


def test_to_uint8_clamps_and_rounds() -> None:
    values = np.array([-0.1, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 1.2])
    assert to_uint8(values).tolist() == [0, 0, 0, 1, 255, 255]


@pytest.mark.parametrize(
    ("error", "message", "change"),
    [
        (TypeError, "to_uint8", {"sr": np.zeros((20, 20, 3))}),
        (ValueError, r"\(20, 20\)", {"sr": np.zeros((20, 20), np.uint8)}),
        (ValueError, "20x21, the ground truth 20x20", {"sr": np.zeros((21, 20, 3), np.uint8)}),
        (ValueError, "leaves nothing of 20x20", {"crop_border": 10}),
        (ValueError, "window needs 11x11", {"crop_border": 5}),
        (ValueError, "got 'Y'", {"protocol": "Y"}),
    ],
)
def test_errors(error: type[Exception], message: str, change: dict) -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(error, match=message):
        score(**{"sr": image, "gt": image, "crop_border": 2, "protocol": "y-float"} | change)
