"""LR files, training crops, and the doctor, who must find each planted fault by its file."""

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data as skimage_data

from ignn_toolbox.datasets import PairedImageDataset
from ignn_toolbox.datasets.degradations import bicubic_lr
from ignn_toolbox.datasets.preparation import check_folder, make_lr, make_subimages
from ignn_toolbox.datasets.preparation.duplicates import find_duplicates, orientations, thumbnail
from ignn_toolbox.datasets.preparation.lr_origin import lr_origin
from ignn_toolbox.datasets.preparation.subimages import crop_starts
from ignn_toolbox.datasets.transforms import modcrop
from ignn_toolbox.images import read_image, write_image


def photo(number: int, height: int = 96, width: int = 128) -> np.ndarray:
    """A part of scikit-image's astronaut, another one for each number."""
    whole = skimage_data.astronaut()
    y, x = (number * 67) % (512 - height), (number * 131) % (512 - width)
    return np.ascontiguousarray(whole[y : y + height, x : x + width])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six photographs in ``<tmp>/train/HR``."""
    for number in range(6):
        write_image(tmp_path / "train" / "HR" / f"p{number}.png", photo(number))
    return tmp_path / "train" / "HR"


def kinds(root: Path, bench: Path | None = None) -> set[tuple[str, str]]:
    """Kind and file name of all findings."""
    return {(f.kind, f.path.name) for f in check_folder(root, bench).findings}


def test_lr_files_are_matlabs(shared_dir, tmp_path) -> None:
    made = make_lr(shared_dir / "data/bench/Set5", tmp_path, [2, 3, 4])
    assert made == (15, 0)
    for path in sorted((shared_dir / "data/matlab/Set5_LRBI").iterdir()):
        name, _, ending = path.stem.split("_")
        mine = tmp_path / f"X{ending[1:]}" / f"{name}{ending}.png"
        assert (read_image(mine) == read_image(path)).all(), mine.name


def test_lr_files_make_a_data_set_and_continue(photos, tmp_path) -> None:
    out = tmp_path / "LR"
    assert make_lr(photos, out, [2]) == (6, 0)
    data = PairedImageDataset(str(photos), str(out / "X2"), 2, filename_tmpl="{}x{scale}")
    assert len(data) == 6
    assert make_lr(photos, out, [2, 4]) == (6, 6)
    (out / "X4" / "p3x4.png").unlink()
    newer = time.time() + 5
    write_image(photos / "p1.png", photo(9))
    os.utime(photos / "p1.png", (newer, newer))
    assert make_lr(photos, out, [2, 4]) == (3, 9)
    assert (read_image(out / "X4" / "p1x4.png") == bicubic_lr(photo(9), 4)).all()


def test_lr_files_of_other_settings_are_not_mixed(photos, tmp_path) -> None:
    make_lr(photos, tmp_path / "LR", [2])
    with pytest.raises(ValueError, match="made with .*symmetric"):
        make_lr(photos, tmp_path / "LR", [2], border="replicate")
    with pytest.raises(ValueError, match="'wrap'"):
        make_lr(photos, tmp_path / "LR2", [2], border="wrap")
    with pytest.raises(ValueError, match=r"got \[1\]"):
        make_lr(photos, tmp_path / "LR2", [1])


def test_crops_cover_the_image_by_the_customary_rule() -> None:
    assert crop_starts(2040, 480, 240, 48) == [0, 240, 480, 720, 960, 1200, 1440, 1560]
    assert crop_starts(1356, 480, 240, 48) == [0, 240, 480, 720, 876]
    assert crop_starts(1248, 480, 240, 48) == [0, 240, 480, 720]  # a remainder of 48 is left
    assert crop_starts(480, 480, 240, 48) == [0]


def test_crops_are_aligned_pairs(photos, tmp_path) -> None:
    write_image(photos / "p0.png", photo(0, 101, 133))  # no multiple of 2 or 3
    sizes = {"size": 48, "step": 24, "threshold": 6}
    made, kept = make_subimages(photos, tmp_path / "sub", [2, 3], **sizes)
    assert kept == 0
    for scale in (2, 3):
        lq_dir = str(tmp_path / "sub" / "LR" / f"X{scale}")
        data = PairedImageDataset(str(tmp_path / "sub" / "HR"), lq_dir, scale)
        assert len(data) == made
        for item in data:
            inner = slice(4, -4)
            expected = bicubic_lr(item["gt"], scale)[inner, inner]
            assert (item["lq"][inner, inner] == expected).all(), item["name"]
    first = read_image(tmp_path / "sub" / "HR" / "p0_s001.png")
    assert (first == photo(0, 101, 133)[:48, :48]).all()
    assert make_subimages(photos, tmp_path / "sub", [2, 3], **sizes) == (0, 6)


def test_crops_of_lr_files(photos, tmp_path) -> None:
    make_lr(photos, tmp_path / "LR", [2], border="replicate")
    lr_dir = str(tmp_path / "LR" / "X{scale}")
    make_subimages(photos, tmp_path / "sub", [2], lr_dir=lr_dir, size=48, step=48, threshold=0)
    crop = read_image(tmp_path / "sub" / "LR" / "X2" / "p2_s001.png")
    assert (crop == bicubic_lr(photo(2), 2, "replicate")[:24, :24]).all()
    (tmp_path / "LR" / "X2" / "p4x2.png").unlink()
    with pytest.raises(ValueError, match="no image named p4x2"):
        make_subimages(photos, tmp_path / "sub2", [2], lr_dir=lr_dir, size=48, step=48)


def test_errors_of_crops(photos, tmp_path) -> None:
    with pytest.raises(ValueError, match="multiples of 12"):
        make_subimages(photos, tmp_path / "sub", [2, 3, 4], size=50)
    with pytest.raises(ValueError, match=r"p0\.png is 128x96, smaller than a crop of 480x480"):
        make_subimages(photos, tmp_path / "sub", [2])


def test_healthy_folder(photos, tmp_path) -> None:
    make_lr(photos, tmp_path / "train" / "LR", [2, 3])
    diagnosis = check_folder(tmp_path)
    assert not diagnosis.findings
    assert any("x3 LR images" in line and "6 symmetric" in line for line in diagnosis.summary)


def test_border_rule_is_told(photos, tmp_path) -> None:
    make_lr(photos, tmp_path / "train" / "LR", [2], border="replicate")
    assert any("6 replicate border" in line for line in check_folder(tmp_path).summary)


def test_each_planted_fault_is_found(photos, tmp_path) -> None:
    lr = tmp_path / "train" / "LR" / "X2"
    make_lr(photos, lr.parent, [2])
    for name, other in (("p0", 1), ("p1", 0)):  # swapped
        write_image(lr / f"{name}x2.png", bicubic_lr(photo(other), 2))
    shifted = np.pad(photo(2), ((0, 0), (0, 1), (0, 0)), mode="edge")[:, 1:]
    write_image(lr / "p2x2.png", bicubic_lr(np.ascontiguousarray(shifted), 2))
    opencv = cv2.resize(photo(3), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_CUBIC)
    write_image(lr / "p3x2.png", opencv)
    whole = (lr / "p4x2.png").read_bytes()
    (lr / "p4x2.png").write_bytes(whole[: len(whole) * 2 // 3])
    write_image(lr / "p5x2.png", bicubic_lr(photo(5)[:-8], 2))
    write_image(photos / "alone.png", photo(7))
    rotated = cv2.resize(np.rot90(photo(8)), None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    write_image(tmp_path / "more" / "copy.jpg", rotated)
    write_image(tmp_path / "bench" / "Set5" / "original.png", photo(8))
    found = {f.path.name: f for f in check_folder(tmp_path).findings}
    assert kinds(tmp_path) == {
        ("swapped", "p0x2.png"),
        ("swapped", "p1x2.png"),
        ("lr", "p2x2.png"),
        ("lr", "p3x2.png"),
        ("unreadable", "p4x2.png"),
        ("size", "p5x2.png"),
        ("pairing", "X2"),
        ("duplicate", "copy.jpg"),
    }
    assert "the LR image of p1.png" in found["p0x2.png"].message
    assert "shifted by 1 (x) and 0 (y)" in found["p2x2.png"].message
    assert "OpenCV's INTER_CUBIC" in found["p3x2.png"].message
    assert "64x44 does not fit" in found["p5x2.png"].message
    assert "of alone" in found["X2"].message
    assert "original.png (rotated by" in found["copy.jpg"].message


def put(folder: Path, numbers: dict[int, int], scale: int = 1, template: str = "{:04}") -> None:
    """Writes parts of the astronaut, reduced by a scale, under numbers."""
    for name, number in numbers.items():
        image = photo(number)
        image = image if scale == 1 else bicubic_lr(modcrop(image, scale), scale)
        write_image(folder / f"{template.format(name)}.png", image)


@pytest.mark.parametrize("names", [("train", "valid"), ("valid", "train"), ("q", "p"), ("1", "2")])
@pytest.mark.parametrize("nested", [False, True])
def test_sets_of_equal_names_are_told_apart(tmp_path, names, nested) -> None:
    """As DIV2K's folders would be if both sets were numbered from 0001."""
    for name, first, count in zip(names, (0, 10), (6, 4), strict=True):
        pictures = {number: first + number for number in range(1, count + 1)}
        hr, lr = (f"{name}/HR", f"{name}/LR") if nested else (f"D_{name}_HR", f"D_{name}_LR")
        put(tmp_path / hr, pictures)
        put(tmp_path / lr / "X2", pictures, 2, "{:04}x2")
        put(tmp_path / lr / "X3", pictures, 3, "{:04}x3")
    diagnosis = check_folder(tmp_path)
    assert diagnosis.findings == []
    assert sum("6 pairs; MATLAB bicubic to the last bit: 6" in s for s in diagnosis.summary) == 2
    assert sum("4 pairs; MATLAB bicubic to the last bit: 4" in s for s in diagnosis.summary) == 2


def test_a_fault_is_found_among_sets_of_equal_names(tmp_path) -> None:
    for name, first in (("a", 0), ("b", 10)):
        pictures = {number: first + number for number in range(5)}
        put(tmp_path / f"{name}_hr", pictures)
        put(tmp_path / f"{name}_lr", pictures, 2)
    put(tmp_path / "b_lr", {1: 12, 2: 11}, 2)
    assert kinds(tmp_path) == {("swapped", "0001.png"), ("swapped", "0002.png")}


def test_unrelated_sets_of_fitting_sizes_are_not_accused(tmp_path) -> None:
    for number in range(4):
        write_image(tmp_path / "small" / f"{number}.png", photo(number, 40, 60))
        write_image(tmp_path / "large" / f"{number}.png", photo(number + 5, 80, 120))
    diagnosis = check_folder(tmp_path)
    assert diagnosis.findings == []
    (doubt,) = [text for text in diagnosis.summary if "not compared" in text]
    assert doubt.startswith(f"{tmp_path}/small: names and sizes suggest x2 LR images of")
    assert f"{tmp_path}/large" in doubt


def test_lr_images_of_two_scales_are_none_of_each_other(tmp_path) -> None:
    pictures = {number: number for number in range(4)}
    put(tmp_path / "Set5" / "GTmod12", pictures)
    put(tmp_path / "Set5" / "LRbicx2", pictures, 2)
    put(tmp_path / "Set5" / "LRbicx4", pictures, 4)
    diagnosis = check_folder(tmp_path)
    assert diagnosis.findings == []
    assert sum("GTmod12, 4 pairs" in text for text in diagnosis.summary) == 2


def test_two_sets_in_one_folder_of_either_side(tmp_path) -> None:
    put(tmp_path / "hr_a", {number: number for number in range(4)})
    put(tmp_path / "hr_b", {number: number for number in range(4, 7)})
    put(tmp_path / "lr", {number: number for number in range(7)}, 2)
    assert check_folder(tmp_path).findings == []
    put(tmp_path / "lr", {9: 9}, 2)
    put(tmp_path / "hr_a", {8: 8})
    (lost, alone) = sorted(finding.message for finding in check_folder(tmp_path).findings)
    assert "there is no HR image for 0009" in lost
    assert "there is no LR image (x2) of 0008" in alone


def test_one_hr_folder_of_two_lr_folders(tmp_path) -> None:
    put(tmp_path / "hr", {number: number for number in range(7)})
    put(tmp_path / "train_lr", {number: number for number in range(5)}, 2)
    put(tmp_path / "valid_lr", {number: number for number in range(5, 7)}, 2)
    assert check_folder(tmp_path).findings == []


def test_what_cannot_be_told_is_said(tmp_path) -> None:
    grey = np.full((40, 60, 3), 90, np.uint8)
    for folder, size in (("x/hr", 1), ("x/hs", 1), ("x/lr", 2)):
        for name in "ab":
            write_image(tmp_path / folder / f"{name}.png", grey[::size, ::size])
    diagnosis = check_folder(tmp_path)
    assert diagnosis.findings == []
    assert any("which cannot be told; compared with" in text for text in diagnosis.summary)


@pytest.mark.parametrize("name", ["Classic5", "Set12", "CBSD68", "BSD68", "Kodak24", "McMaster18"])
def test_sets_of_other_tasks_are_benchmarks_too(tmp_path, name) -> None:
    write_image(tmp_path / name / "a.png", photo(3))
    write_image(tmp_path / "Set14" / "b.png", photo(3))
    assert check_folder(tmp_path).findings == []


def test_benchmark_images_elsewhere(photos, tmp_path) -> None:
    write_image(tmp_path / "secret" / "x.png", photo(3)[:, ::-1])
    assert kinds(photos) == set()
    assert kinds(photos, tmp_path / "secret") == {("duplicate", "p3.png")}


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_origins_are_told_apart(scale: int) -> None:
    gt = modcrop(photo(1), 12)
    lq = bicubic_lr(gt, scale, "replicate")
    assert lr_origin(lq, gt, scale).border == "replicate"
    small = cv2.resize(gt, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    assert "INTER_AREA" in lr_origin(small, gt, scale).explanation
    noise = np.random.default_rng(0).integers(0, 256, lq.shape, dtype=np.uint8)
    origin = lr_origin(noise, gt, scale)
    assert (origin.border, origin.explanation) == (None, "")
    assert origin.difference > 100


def test_duplicates_in_every_orientation_and_no_false_ones() -> None:
    others = {number: thumbnail(photo(number)) for number in range(12)}
    for turned in orientations(photo(5, 128, 128)[..., 0]):
        image = np.repeat(turned[..., None], 3, axis=2)
        known = {"x": thumbnail(np.repeat(photo(5, 128, 128)[..., :1], 3, axis=2))}
        assert len(find_duplicates({"y": thumbnail(image)}, known)) == 1
    first = {key: others[key] for key in range(6)}
    assert find_duplicates(first, {key: others[key] for key in range(6, 12)}) == []
    flat = {"flat": np.full((32, 32), 7, np.float32)}
    assert find_duplicates(flat, flat) == []


def test_empty_and_missing_folders(tmp_path) -> None:
    with pytest.raises(ValueError, match="no image below"):
        check_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="none"):
        check_folder(tmp_path / "none")
