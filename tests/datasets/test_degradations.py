"""Degradations: published figures of degraded pictures, seeds, and what they refuse."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from ignn_toolbox.datasets import PairedImageDataset, RestorationDataset, SampleIndex
from ignn_toolbox.datasets.degradations import (
    BayerMosaic,
    BicubicDown,
    GaussianNoise,
    JPEGCompression,
)
from ignn_toolbox.evaluation import score
from ignn_toolbox.images import write_image
from ignn_toolbox.images.planes import grey_plane, luma_plane
from ignn_toolbox.registry import DEGRADATIONS

from .conftest import picture

RNG = np.random.default_rng(0)


def mean(shared_dir, name, degradation, protocol, colour="rgb"):
    """Mean PSNR and SSIM of a degraded set."""
    data = RestorationDataset(
        f"bench/{name}",
        data_root=str(shared_dir / "data"),
        degradations=[degradation],
        colour=colour,
    )
    return np.mean([score(item["lq"], item["gt"], 0, protocol) for item in data], 0)


@pytest.mark.parametrize(
    ("quality", "psnr", "ssim", "ssim_8x8"),
    [
        (10, 27.8211, 0.75952, 0.7800),
        (20, 30.1233, 0.83440, 0.8541),
        (30, 31.4840, 0.86663, 0.8844),
        (40, 32.4284, 0.88494, 0.9011),
    ],
)
def test_jpeg_of_classic5(shared_dir, quality, psnr, ssim, ssim_8x8) -> None:
    jpeg = JPEGCompression(quality)
    found = mean(shared_dir, "Classic5", jpeg, "plane", "luma")
    assert found == pytest.approx([psnr, ssim], abs=1e-4)
    # the SSIM that RNAN's and PANet's tables print for the degraded pictures
    found = mean(shared_dir, "Classic5", jpeg, "plane-8x8", "luma")
    assert found == pytest.approx([psnr, ssim_8x8], abs=1e-4)


@pytest.mark.parametrize(
    ("name", "psnr", "ssim"), [("Set5", 8.1747, 0.13794), ("Set14", 7.5535, 0.09172)]
)
def test_mosaics(shared_dir, name, psnr, ssim) -> None:
    found = mean(shared_dir, name, BayerMosaic(), "rgb-full")
    assert found == pytest.approx([psnr, ssim], abs=1e-4)


@pytest.mark.parametrize(
    ("name", "sigma", "psnr", "psnr_float", "ssim"),
    [
        ("Set5", 10, 28.4401, 28.1303, 0.69310),
        ("Set5", 30, 19.3369, 18.5921, 0.31347),
        ("Set5", 50, 15.3319, 14.1715, 0.18695),
        ("Set5", 70, 12.8535, 11.2310, 0.12672),
        pytest.param("Set14", 10, 28.3538, 28.1299, None, marks=pytest.mark.slow),
        pytest.param("Set14", 30, 19.1044, 18.5897, None, marks=pytest.mark.slow),
        pytest.param("Set14", 50, 15.0706, 14.1558, None, marks=pytest.mark.slow),
        pytest.param("Set14", 70, 12.6336, 11.2273, None, marks=pytest.mark.slow),
        ("Set12", 15, 24.6530, 24.5911, None),
        ("Set12", 25, 20.3456, 20.1826, None),
        ("Set12", 50, 14.7541, 14.1494, None),
    ],
)
def test_noise_of_both_models(shared_dir, name, sigma, psnr, psnr_float, ssim) -> None:
    colour, protocol = ("grey", "plane") if name == "Set12" else ("rgb", "rgb-full")
    found = mean(shared_dir, name, GaussianNoise(sigma), protocol, colour)
    assert found[0] == pytest.approx(psnr, abs=1e-4)
    if ssim is not None:
        assert found[1] == pytest.approx(ssim, abs=1e-5)
    data = RestorationDataset(
        str(shared_dir / "data/bench" / name),
        degradations=[GaussianNoise(sigma, "float")],
        colour=colour,
    )
    errors = [np.mean((item["lq"].astype(np.float64) - item["gt"] / 255) ** 2) for item in data]
    assert np.mean(-10 * np.log10(errors)) == pytest.approx(psnr_float, abs=1e-4)


def test_a_pictures_noise_comes_of_its_name_alone(tmp_path) -> None:
    first = GaussianNoise(30).generator_of("baby").standard_normal(3)
    assert first == pytest.approx([0.36661771, -0.26835855, -0.32894590], abs=1e-8)
    for name in ("a", "b"):
        write_image(tmp_path / "all" / f"{name}.png", picture(8, 8, 3))
    write_image(tmp_path / "one" / "b.png", picture(8, 8, 3))
    noise = {"degradations": [{"type": "GaussianNoise", "sigma": 20}]}
    a, b = RestorationDataset(str(tmp_path / "all"), **noise)
    assert (a["lq"] != b["lq"]).any()
    assert (RestorationDataset(str(tmp_path / "one"), **noise)[0]["lq"] == b["lq"]).all()


def test_grey_is_matlabs() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert grey_plane(colours)[..., 0].tolist() == [[76, 150, 29, 255]]
    assert luma_plane(colours)[..., 0].tolist() == [[81, 145, 41, 235]]
    grey = np.full((2, 2, 3), 77, np.uint8)
    assert luma_plane(grey).tolist() == grey_plane(grey).tolist() == [[[77]] * 2] * 2


def test_mosaic_keeps_green_red_blue_green() -> None:
    image = picture(5, 7)
    mosaic = BayerMosaic()(image, RNG)
    assert (mosaic[::2, ::2] == image[::2, ::2] * [0, 1, 0]).all()
    assert (mosaic[::2, 1::2] == image[::2, 1::2] * [1, 0, 0]).all()
    assert (mosaic[1::2, ::2] == image[1::2, ::2] * [0, 0, 1]).all()
    assert (mosaic[1::2, 1::2] == image[1::2, 1::2] * [0, 1, 0]).all()


def test_jpeg_of_grey_in_three_planes_is_that_of_one() -> None:
    grey = picture(24, 40)[..., :1]
    one = JPEGCompression(25)(grey, RNG)
    three = JPEGCompression(25)(grey.repeat(3, axis=2), RNG)
    assert one.shape == (24, 40, 1)
    assert np.abs(three.astype(int) - one).max() <= 1


@pytest.mark.parametrize(
    "degradation",
    [
        {"type": "GaussianNoise", "sigma": [5, 55]},
        {"type": "GaussianNoise", "sigma": [0, 3.5], "noise_model": "float"},
        {"type": "JPEGCompression", "quality": [10, 95]},
        {"type": "BayerMosaic"},
    ],
    ids=str,
)
def test_training_draws_by_seed_and_draw_alone(hr_dir, degradation) -> None:
    pipeline = [
        {"type": "PairedRandomCrop", "lq_size": 16},
        {"type": "RandomRot90"},
        {"type": "Degrade", "degradations": [degradation]},
        {"type": "PackInputs"},
    ]

    def batches(workers: int, seed: int = 1) -> list[torch.Tensor]:
        data = RestorationDataset(str(hr_dir), pipeline=pipeline, seed=seed)
        order = [SampleIndex(draw % 3, draw) for draw in range(9)]
        return [
            item["inputs"] for item in DataLoader(data, None, sampler=order, num_workers=workers)
        ]

    alone = batches(0)
    assert all(torch.equal(a, b) for a, b in zip(alone, batches(2), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(alone, batches(0, 2), strict=True))


def test_mosaics_of_training_keep_their_phase(hr_dir) -> None:
    pipeline = [
        {"type": "PairedRandomCrop", "lq_size": 9},
        {"type": "RandomFlip", "prob": 0.5},
        {"type": "RandomRot90"},
        {"type": "Degrade", "degradations": [{"type": "BayerMosaic"}]},
        {"type": "PackInputs"},
    ]
    data = RestorationDataset(str(hr_dir), pipeline=pipeline)
    for draw in range(12):
        item = data[SampleIndex(draw % 3, draw)]
        gt = item["data_samples"].gt_img.permute(1, 2, 0).numpy()
        assert (item["inputs"].permute(1, 2, 0).numpy() == BayerMosaic()(gt, RNG)).all()


def test_probability_leaves_some_as_they_are(hr_dir) -> None:
    step = {"type": "Degrade", "prob": 0.5, "degradations": [{"type": "BayerMosaic"}]}
    data = RestorationDataset(str(hr_dir), pipeline=[step])
    items = [data[SampleIndex(0, draw)] for draw in range(40)]
    clean = sum((item["lq"] == item["gt"]).all() for item in items)
    assert 8 < clean < 32


def test_degradations_follow_each_other(hr_dir) -> None:
    steps = [BicubicDown(2), GaussianNoise(3), JPEGCompression(50)]
    data = RestorationDataset(str(hr_dir), 2, degradations=steps)
    lq = RestorationDataset(str(hr_dir), 2)[0]["lq"]
    for step in steps[1:]:
        lq = step(lq, step.generator_of("a"))
    assert (data[0]["lq"] == lq).all()


def test_files_that_were_degraded_before_are_pairs_like_others(hr_dir) -> None:
    made = RestorationDataset(str(hr_dir), degradations=[BayerMosaic()])
    for item in made:
        write_image(hr_dir.parent / "mosaics" / f"{item['name']}.png", item["lq"])
    files = PairedImageDataset(str(hr_dir), str(hr_dir.parent / "mosaics"))
    for a, b in zip(made, files, strict=True):
        assert (a["lq"] == b["lq"]).all()
        assert (a["gt"] == b["gt"]).all()


def test_a_cache_knows_the_degradations(hr_dir, tmp_path) -> None:
    def data(quality: int) -> RestorationDataset:
        jpeg = JPEGCompression(quality)
        return RestorationDataset(str(hr_dir), degradations=[jpeg], cache=str(tmp_path / "cache"))

    data(30).build_cache()
    assert (data(30)[0]["lq"] == JPEGCompression(30)(picture(24, 36), RNG)).all()
    with pytest.raises(ValueError, match="was made with"):
        data(31)[0]


@pytest.mark.parametrize(
    ("degradation", "words"),
    [
        ({"type": "GaussianNoise", "sigma": 0}, "sigma=0 is no noise"),
        ({"type": "GaussianNoise", "sigma": -5}, "sigma must be"),
        ({"type": "GaussianNoise", "sigma": 256}, r"\[0, 255\]"),
        ({"type": "GaussianNoise", "sigma": [30, 10]}, "from and to"),
        ({"type": "GaussianNoise", "sigma": float("nan")}, "sigma must be"),
        ({"type": "GaussianNoise", "sigma": 5, "noise_model": "int8"}, "'int8'"),
        ({"type": "JPEGCompression", "quality": 0}, r"\[1, 100\]"),
        ({"type": "JPEGCompression", "quality": [30, 101]}, r"\[1, 100\]"),
        ({"type": "JPEGCompression", "quality": 30.5}, "whole number"),
        ({"type": "JPEGCompression", "quality": 30, "subsampling": "4:1:1"}, "4:1:1"),
        ({"type": "BayerMosaic", "phase": "RGB"}, "'RGB'"),
        ({"type": "BicubicDown", "scale": 0}, "positive"),
        ({"type": "JPEG", "quality": 30}, "JPEGCompression"),
    ],
    ids=str,
)
def test_arguments_out_of_range_are_named(degradation, words) -> None:
    with pytest.raises(ValueError, match=words):
        DEGRADATIONS.build(degradation)


def test_what_does_not_fit_together_is_named(hr_dir, tmp_path) -> None:
    hr = str(hr_dir)
    with pytest.raises(ValueError, match="1 times smaller, but the scale is 2"):
        RestorationDataset(hr, 2, degradations=[JPEGCompression(30)])
    with pytest.raises(ValueError, match="whole pictures"):
        RestorationDataset(hr, 2, pipeline=[{"type": "Degrade", "degradations": [BicubicDown(2)]}])
    with pytest.raises(ValueError, match="noise_model='uint8'"):
        RestorationDataset(hr, degradations=[GaussianNoise(5, "float"), JPEGCompression(9)])[0]
    with pytest.raises(ValueError, match="8 bits"):
        RestorationDataset(hr, degradations=[GaussianNoise(5, "float")], cache="cache")
    with pytest.raises(ValueError, match="three channels"):
        RestorationDataset(hr, colour="grey", degradations=[BayerMosaic()])[0]
    with pytest.raises(ValueError, match="lists z, which is not in"):
        RestorationDataset(hr, ann_file=["a", "z"])
