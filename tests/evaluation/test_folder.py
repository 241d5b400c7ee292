"""Scoring folders: names, sizes, formats, and what is refused."""

import shutil
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ignn_toolbox.evaluation import PROTOCOLS, evaluate, score
from ignn_toolbox.evaluation.folder import score_folder
from ignn_toolbox.evaluation.pairing import bare_name, pair_folders
from ignn_toolbox.evaluation.perceptual import perceptual_metric
from ignn_toolbox.images import read_image, write_image

NAMES = ("baby", "bird", "head")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Results and ground truth of three images, 40x44, at scale 2."""
    rng = np.random.default_rng(0)
    for name in NAMES:
        gt = np.kron(rng.integers(0, 256, (10, 11, 3)), np.ones((4, 4, 1))).astype(np.uint8)
        noise = rng.normal(0, 6, gt.shape)
        write_image(tmp_path / "gt" / f"{name}.png", gt)
        write_image(tmp_path / "sr" / f"{name}.png", np.clip(gt + noise, 0, 255).astype(np.uint8))
    return tmp_path / "sr", tmp_path / "gt"


def rename(folder: Path, template: str) -> None:
    for path in list(folder.iterdir()):
        path.rename(path.with_stem(template.format(path.stem)))


def test_scores_are_those_of_the_protocol(folders) -> None:
    sr_dir, gt_dir = folders
    for protocol, how in PROTOCOLS.items():
        if how.colour == "plane":
            with pytest.raises(ValueError, match="compares grey pictures"):
                evaluate(sr_dir, gt_dir, 2, protocol)
            continue
        result = evaluate(sr_dir, gt_dir, 2, protocol)
        expected = [
            score(read_image(sr_dir / f"{n}.png"), read_image(gt_dir / f"{n}.png"), 2, protocol)
            for n in NAMES
        ]
        assert [image["image"] for image in result.images] == list(NAMES)
        assert [(image["psnr"], image["ssim"]) for image in result.images] == expected
        assert result.mean["psnr"] == pytest.approx(np.mean([e[0] for e in expected]), abs=1e-12)
        assert result.mean["ssim"] == pytest.approx(np.mean([e[1] for e in expected]), abs=1e-12)
        assert not result.notes


@pytest.mark.parametrize(
    ("sr_name", "gt_name"),
    [
        ("{}_x2", "{}"),
        ("{}x2", "{}"),
        ("{}_SR", "{}_HR"),
        ("{}", "{}_HR"),
        ("{}_x2_SR", "{}_GT"),
        ("{}X2", "{}x2_hr"),
        ("{}_RCAN_x2", "{}"),
        ("{}_mine", "{}_HR_x2"),
    ],
)
def test_names_are_joined(folders, sr_name: str, gt_name: str) -> None:
    expected = evaluate(*folders, 2).mean
    rename(folders[0], sr_name)
    rename(folders[1], gt_name)
    result = evaluate(*folders, 2)
    assert result.mean == expected
    assert [image["image"] for image in result.images] == [gt_name.format(n) for n in NAMES]


def test_a_name_that_ends_like_an_ending_keeps_its_partner(tmp_path) -> None:
    image = np.zeros((24, 24, 3), np.uint8)
    for stem in ("box2", "bo", "img_x4"):
        write_image(tmp_path / "gt" / f"{stem}.png", image)
        write_image(tmp_path / "sr" / f"{stem}.png", image)
    pairs = pair_folders(tmp_path / "sr", tmp_path / "gt", 2).pairs
    assert all(sr.stem == gt.stem == stem for stem, (sr, gt) in pairs.items())
    assert bare_name("img_x4", 2) == "img_x4"
    assert bare_name("x2", 2) == "x2"


def test_published_results_of_another_program(shared_dir) -> None:
    data = shared_dir / "data"
    result = evaluate(data / "matlab/Set5_RCAN_x4", data / "bench/Set5", 4)
    assert result.mean["psnr"] == pytest.approx(32.6336, abs=1e-4)
    assert result.mean["ssim"] == pytest.approx(0.900241, abs=1e-6)
    assert result.notes == ["names of results end in '_RCAN_x4'"]


def test_formats_grey_and_alpha_are_handled_and_said(folders) -> None:
    sr_dir, gt_dir = folders
    expected = evaluate(sr_dir, gt_dir, 2).mean
    write_image(sr_dir / "baby.webp", read_image(sr_dir / "baby.png"))
    (sr_dir / "baby.png").unlink()
    write_image(gt_dir / "bird.bmp", read_image(gt_dir / "bird.png"))
    (gt_dir / "bird.png").unlink()
    alpha = np.dstack([cv2.imread(str(sr_dir / "head.png")), np.full((40, 44), 255, np.uint8)])
    cv2.imwrite(str(sr_dir / "head.png"), alpha)
    result = evaluate(sr_dir, gt_dir, 2)
    assert result.mean == expected
    assert result.notes == [f"{sr_dir / 'head.png'}: opaque alpha dropped"]
    cv2.imwrite(str(sr_dir / "head.png"), alpha[..., 0])
    assert "grey" in evaluate(sr_dir, gt_dir, 2).notes[0]


@pytest.mark.parametrize("larger", ["gt", "sr"])
def test_difference_of_a_modcrop_is_cut_and_said(folders, larger: str) -> None:
    sr_dir, gt_dir = folders
    expected = evaluate(sr_dir, gt_dir, 2).mean
    path = folders[0].parent / larger / "bird.png"
    by = 1 if larger == "gt" else 0
    write_image(path, np.pad(read_image(path), ((0, by), (0, by), (0, 0)), mode="edge"))
    result = evaluate(sr_dir, gt_dir, 2)
    assert result.mean == expected
    assert result.notes == (["bird.png: compared on 44x40 of 45x41"] if by else [])


def test_sizes_that_do_not_fit(folders) -> None:
    sr_dir, gt_dir = folders
    image = read_image(sr_dir / "bird.png")
    write_image(sr_dir / "bird.png", image[:-2])
    with pytest.raises(ValueError, match=r"bird\.png is 44x38, but .* more than a crop"):
        evaluate(sr_dir, gt_dir, 2)
    write_image(sr_dir / "bird.png", image[:-1])
    with pytest.raises(ValueError, match=r"bird\.png is 44x39: --scale 2 does not divide it"):
        evaluate(sr_dir, gt_dir, 2)
    with pytest.raises(ValueError, match="baby.png is 44x40: --scale 3 does not divide"):
        evaluate(sr_dir, gt_dir, 3)


def test_missing_results_are_refused_or_named(folders) -> None:
    sr_dir, gt_dir = folders
    (sr_dir / "bird.png").unlink()
    with pytest.raises(ValueError, match="no result for bird of"):
        evaluate(sr_dir, gt_dir, 2)
    result = evaluate(sr_dir, gt_dir, 2, partial=True)
    assert [image["image"] for image in result.images] == ["baby", "head"]
    assert result.notes[0].startswith("PARTIAL")


def test_results_without_ground_truth_are_named(folders) -> None:
    sr_dir, gt_dir = folders
    shutil.copy(sr_dir / "bird.png", sr_dir / "stranger.png")
    assert evaluate(sr_dir, gt_dir, 2).notes == ["without ground truth, not scored: stranger"]


def test_errors_name_the_file(folders, tmp_path) -> None:
    sr_dir, gt_dir = folders
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no image"):
        evaluate(tmp_path / "empty", gt_dir, 2)
    with pytest.raises(FileNotFoundError, match="none"):
        evaluate(tmp_path / "none", gt_dir, 2)
    with pytest.raises(ValueError, match="got 'psnr-y'"):
        evaluate(sr_dir, gt_dir, 2, "psnr-y")
    with pytest.raises(ValueError, match="got 0"):
        evaluate(sr_dir, gt_dir, 0)
    shutil.copy(sr_dir / "bird.png", sr_dir / "bird_x2.png")
    (sr_dir / "bird.png").rename(sr_dir / "bird_SR.png")
    with pytest.raises(ValueError, match=r"bird_SR\.png and bird_x2\.png .* both fit bird"):
        evaluate(sr_dir, gt_dir, 2)
    (sr_dir / "bird_SR.png").unlink()
    path = sr_dir / "bird_x2.png"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ValueError, match=r"bird_x2\.png cannot be read"):
        evaluate(sr_dir, gt_dir, 2)
    rename(sr_dir, "{}")
    for index, path in enumerate(sorted(sr_dir.iterdir())):
        path.rename(sr_dir / f"{index}.png")
    with pytest.raises(ValueError, match="no name in common"):
        evaluate(sr_dir, gt_dir, 2)


def test_perceptual_metrics_join_the_records(folders, monkeypatch) -> None:
    class Distance(torch.nn.Module):
        def __init__(self, **_: object) -> None:
            super().__init__()

        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            assert x.shape == (1, 3, 40, 44)
            assert x.min() < 0
            return (x - y).abs().mean()

    monkeypatch.setitem(sys.modules, "lpips", types.SimpleNamespace(LPIPS=Distance))
    records, _ = score_folder(*folders, 2, ["y-float"], perceptual=[perceptual_metric("lpips")])
    sr, gt = (read_image(folder / "baby.png").astype(float) for folder in folders)
    assert records[0]["lpips"] == pytest.approx(np.abs(sr - gt).mean() / 127.5, rel=1e-5)


def test_absent_perceptual_metric_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "DISTS_pytorch", None)
    with pytest.raises(ValueError, match=r"ignn_toolbox\[perceptual\]"):
        perceptual_metric("dists")
    with pytest.raises(ValueError, match="got 'niqe'"):
        perceptual_metric("niqe")
