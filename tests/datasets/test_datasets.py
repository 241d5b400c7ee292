"""The data sets: layouts, lists, pairs, cache, seeds, and errors that name the file."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset
from torch.utils.data import DataLoader

from ignn_toolbox.datasets import PairedImageDataset, RestorationDataset, SampleIndex
from ignn_toolbox.datasets.degradations import BicubicDown, bicubic_lr
from ignn_toolbox.images import read_image, write_image
from ignn_toolbox.registry import DATASETS

from .conftest import picture

AUGMENT = [
    {"type": "PairedRandomCrop", "lq_size": 6},
    {"type": "RandomFlip"},
    {"type": "RandomRot90"},
    {"type": "RandomChannelShuffle"},
    {"type": "PackInputs"},
]


def test_both_kinds_give_the_same_pairs(hr_dir, lr_dir) -> None:
    files = PairedImageDataset(str(hr_dir), str(lr_dir), 2)
    memory = RestorationDataset(str(hr_dir), 2)
    assert len(files) == len(memory) == 3
    for a, b in zip(files, memory, strict=True):
        assert (a["lq"] == b["lq"]).all()
        assert (a["gt"] == b["gt"]).all()
        assert a["name"] == b["name"]
        assert Path(a["lq_path"]).parent == lr_dir
        assert b["lq_path"] is None


def test_pairs_of_matlab(shared_dir) -> None:
    data = RestorationDataset("bench/Set5", 3, data_root=str(shared_dir / "data"))
    assert data.name == "Set5"
    folder = shared_dir / "data/matlab/Set5_LRBI"
    for item in data:
        assert (item["lq"] == read_image(folder / f"{item['name']}_LRBI_x3.png")).all()


@pytest.mark.parametrize(
    ("gt", "lq", "template", "name"),
    [
        ("DIV2K_train_HR", "DIV2K_train_LR_bicubic/X2", "{}x{scale}", "DIV2K_train_HR"),
        ("DIV2K_train_HR", "DIV2K_train_LR_bicubic/X2", "{}x2", "DIV2K_train_HR"),
        ("Set5/GTmod12", "Set5/LRbicx2", "{}", "Set5"),
        ("mine/HR", "mine/LR", "{}", "mine"),
    ],
)
def test_layouts(tmp_path, gt: str, lq: str, template: str, name: str) -> None:
    for index, stem in enumerate(["0001", "0002"]):
        image = picture(12, 18, index)
        write_image(tmp_path / gt / f"{stem}.png", image)
        lq_stem = template.format(stem, scale=2)
        write_image(tmp_path / lq / f"{lq_stem}.webp", bicubic_lr(image, 2))
    data = PairedImageDataset(gt, lq, 2, data_root=str(tmp_path), filename_tmpl=template)
    assert data.name == name
    assert [item["name"] for item in data] == ["0001", "0002"]
    assert (data[1]["lq"] == bicubic_lr(picture(12, 18, 1), 2)).all()


def test_several_folders_and_lists(hr_dir, tmp_path) -> None:
    shutil.copytree(hr_dir, tmp_path / "more")
    (tmp_path / "take.txt").write_text("# two\nc.png\na (24,36,3)\n\n")
    (tmp_path / "drop.txt").write_text("c\n")
    both = RestorationDataset(["Set3/HR", "more"], 2, data_root=str(tmp_path))
    assert [item["name"] for item in both] == ["a", "b", "c"] * 2
    some = RestorationDataset(str(hr_dir), 2, ann_file=str(tmp_path / "take.txt"))
    assert [item["name"] for item in some] == ["a", "c"]
    rest = RestorationDataset("more", 2, data_root=str(tmp_path), exclude_file="drop.txt")
    assert [item["name"] for item in rest] == ["a", "b"]
    (tmp_path / "first.txt").write_text("a.png\n")
    lists = ["drop.txt", "first.txt"]
    rest = RestorationDataset("more", 2, data_root=str(tmp_path), exclude_file=lists)
    assert [item["name"] for item in rest] == ["b"]


@pytest.mark.parametrize("factor", [1.5, 2])
def test_images_reduced_beforehand_are_matlabs_bicubic_of_them(hr_dir, factor) -> None:
    plain, reduced = (
        RestorationDataset(str(hr_dir), 2),
        RestorationDataset(str(hr_dir), 2, reduced_by=factor),
    )
    for before, after in zip(plain, reduced, strict=True):
        assert (after["gt"] == bicubic_lr(before["gt"], factor)).all()
        assert (after["lq"] == bicubic_lr(after["gt"], 2)).all()


def test_a_cache_knows_by_how_much_its_images_were_reduced(hr_dir) -> None:
    plain, reduced = (
        RestorationDataset(str(hr_dir), 2),
        RestorationDataset(str(hr_dir), 2, reduced_by=1.5),
    )
    assert plain.cache_settings() != reduced.cache_settings()
    assert (
        RestorationDataset(str(hr_dir), 2, reduced_by=1).cache_settings() == plain.cache_settings()
    )


def test_hr_excess_below_the_scale_is_cut(hr_dir, lr_dir) -> None:
    image = picture(24, 36, 0)
    write_image(hr_dir / "a.png", np.pad(image, ((0, 1), (0, 1), (0, 0))))
    item = PairedImageDataset(str(hr_dir), str(lr_dir), 2)[0]
    assert (item["gt"] == image).all()
    assert (RestorationDataset(str(hr_dir), 2)[0]["lq"] == item["lq"]).all()


def test_cache_returns_the_same_arrays(hr_dir, lr_dir) -> None:
    for data in (
        RestorationDataset(str(hr_dir), 2, cache="memory"),
        PairedImageDataset(str(hr_dir), str(lr_dir), 2, cache="memory"),
    ):
        first = data[1]
        assert data[1]["gt"] is first["gt"]
        assert data[1]["lq"] is first["lq"]
    data = RestorationDataset(str(hr_dir), 2, cache="memory", pipeline=AUGMENT)
    plain = RestorationDataset(str(hr_dir), 2, pipeline=AUGMENT)
    for draw in range(20):
        index = SampleIndex(draw % 3, draw)
        assert torch.equal(data[index]["inputs"], plain[index]["inputs"])


def test_augmentation_depends_on_seed_and_draw_alone(hr_dir) -> None:
    def batches(workers: int, seed: int = 1) -> list[torch.Tensor]:
        data = RestorationDataset(str(hr_dir), 2, pipeline=AUGMENT, seed=seed)
        order = [SampleIndex(draw % 3, draw) for draw in range(12)]
        loader = DataLoader(data, None, sampler=order, num_workers=workers)
        return [item["inputs"] for item in loader]

    alone = batches(0)
    assert all(torch.equal(a, b) for a, b in zip(alone, batches(2), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(alone, batches(0, seed=2), strict=True))
    assert len({bytes(item.numpy()) for item in alone}) > 6


def test_repeat_and_concat_keep_the_draw(hr_dir, tmp_path) -> None:
    config = {"type": "RestorationDataset", "gt_dir": str(hr_dir), "scale": 2, "pipeline": AUGMENT}
    plain = DATASETS.build(config)
    repeated = RepeatDataset(DATASETS.build(config), times=4)
    shutil.copytree(hr_dir, tmp_path / "other")
    other = DATASETS.build(config | {"gt_dir": str(tmp_path / "other")})
    joined = ConcatDataset([other, DATASETS.build(config)])
    expected = plain[SampleIndex(1, 77)]["inputs"]
    assert torch.equal(repeated[SampleIndex(7, 77)]["inputs"], expected)
    assert torch.equal(joined[SampleIndex(4, 77)]["inputs"], expected)
    assert not torch.equal(plain[SampleIndex(1, 78)]["inputs"], expected)


def test_sample_index_is_an_integer_that_travels() -> None:
    index = pickle.loads(pickle.dumps(SampleIndex(5, draw=9)))
    assert (index, index.draw) == (5, 9)
    assert ((index - 2).draw, (index % 3).draw) == (9, 9)
    assert [10, 11, 12, 13, 14, 15][index] == 15


def test_missing_partner_is_named(hr_dir, lr_dir) -> None:
    (lr_dir / "b.png").unlink()
    with pytest.raises(ValueError, match="no image named b, which filename_tmpl='{}'") as error:
        PairedImageDataset(str(hr_dir), str(lr_dir), 2)
    assert str(lr_dir) in str(error.value)


def test_size_mismatch_is_named(hr_dir, lr_dir) -> None:
    write_image(lr_dir / "b.png", picture(12, 17))
    data = PairedImageDataset(str(hr_dir), str(lr_dir), 2)
    with pytest.raises(ValueError, match=r"b\.png is 17x12 .*36x24: not a pair at scale 2"):
        data[1]


def test_damaged_file_is_named(hr_dir) -> None:
    path = hr_dir / "c.png"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"c\.png cannot be read"):
        RestorationDataset(str(hr_dir), 2)[2]


def test_too_small_image_is_named(hr_dir) -> None:
    write_image(hr_dir / "b.png", picture(2, 9))
    with pytest.raises(ValueError, match=r"b\.png is 9x2, too small"):
        RestorationDataset(str(hr_dir), 3)[1]


def test_errors_of_arguments_and_folders(hr_dir, lr_dir, tmp_path) -> None:
    hr, lr = str(hr_dir), str(lr_dir)
    (tmp_path / "empty").mkdir()
    (tmp_path / "names.txt").write_text("a\nz\n")
    (tmp_path / "all.txt").write_text("a\nb\nc\n")
    for error, message, build in [
        (FileNotFoundError, "no folder", lambda: RestorationDataset("none", 2)),
        (ValueError, "holds no image", lambda: RestorationDataset(str(tmp_path / "empty"), 2)),
        (ValueError, "got 0", lambda: RestorationDataset(hr, 0)),
        (ValueError, "got 2.0", lambda: RestorationDataset(hr, 2.0)),
        (ValueError, "cache must be", lambda: RestorationDataset(hr, 2, cache="")),
        (ValueError, "'wrap'", lambda: BicubicDown(2, border="wrap")),
        (ValueError, "got 0.5", lambda: RestorationDataset(hr, 2, reduced_by=0.5)),
        (ValueError, "got nan", lambda: RestorationDataset(hr, 2, reduced_by=float("nan"))),
        (ValueError, "1 folders and lq_dir 2", lambda: PairedImageDataset(hr, [lr, lr], 2)),
        (FileNotFoundError, "none.txt", lambda: RestorationDataset(hr, 2, ann_file="none.txt")),
        (
            ValueError,
            "lists z, which is not in",
            lambda: RestorationDataset(hr, 2, ann_file=str(tmp_path / "names.txt")),
        ),
        (
            ValueError,
            "no image of .* is left",
            lambda: RestorationDataset(hr, 2, exclude_file=str(tmp_path / "all.txt")),
        ),
    ]:
        with pytest.raises(error, match=message):
            build()
    shutil.copy(hr_dir / "a.png", hr_dir / "a.webp")
    with pytest.raises(ValueError, match=r"a\.png and a\.webp"):
        RestorationDataset(hr, 2)
