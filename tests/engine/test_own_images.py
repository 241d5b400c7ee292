"""`ignn train --images`: one's own pictures as they lie in a folder."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ignn_toolbox.datasets.degradations import bicubic_lr
from ignn_toolbox.engine.config import load_config
from ignn_toolbox.engine.config.own_images import held_out
from ignn_toolbox.images import write_image
from ignn_toolbox.registry import DATASETS


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "my photos"
    rng = np.random.default_rng(0)
    for number in range(21):
        image = rng.integers(0, 256, (48, 40 + number, 3), dtype=np.uint8)
        write_image(folder / f"IMG_{number}.{'jpg' if number % 2 else 'png'}", image)
    return folder


def test_a_tenth_is_held_out_by_name_alone() -> None:
    names = [f"IMG_{number:04d}" for number in range(1000)]
    chosen = held_out(names)
    assert len(chosen) == 100
    assert held_out(reversed(names)) == chosen
    assert len(set(held_out([*names, "another"])) - set(chosen)) <= 1
    assert len({int(name[4:]) // 100 for name in chosen}) == 10, "not all of one series"
    assert len(held_out(["a", "b"])) == 1


def test_the_config_makes_lr_pictures_of_them_as_it_did(photos: Path, config_file: Path) -> None:
    config = load_config(config_file, images=[photos])
    training = DATASETS.build(config.train_dataloader.dataset)
    validation = DATASETS.build(config.val_dataloader.dataset)
    names = [
        {info["name"] for info in data}
        for data in (training.load_data_list(), validation.load_data_list())
    ]
    assert [len(part) for part in names] == [19, 2]
    assert not names[0] & names[1]
    assert validation.name == "my photos"
    sample = validation[0]
    gt = sample["data_samples"].gt_img
    lq = bicubic_lr(gt.permute(1, 2, 0).numpy(), 2)
    assert torch.equal(sample["inputs"], torch.from_numpy(lq).permute(2, 0, 1))
    first = load_config(config_file).train_dataloader.dataset.pipeline
    assert config.train_dataloader.dataset.pipeline == first


def test_photographs_stay_photographs(photos: Path) -> None:
    """The photo model's config draws noise and JPEG; its validation compresses."""
    config = load_config("edsr-tiny-photo_x2c32b8_1xb8-4k_bsds-t91-wall2k", images=[photos])
    kinds = [step.type for step in config.train_dataloader.dataset.pipeline]
    assert kinds.count("Degrade") == 2
    assert [step.type for step in config.val_dataloader.dataset.degradations] == [
        "BicubicDown",
        "JPEGCompression",
    ]


def test_a_training_on_them_runs_and_says_what_is_held_out(
    cli, photos: Path, config_file: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = cli(
        "train", config_file, "--images", photos, "--cfg-options", "batch_size=1"
    )
    assert status == 0, err
    assert "19 pictures to train on; held out for validation: IMG_" in out
    assert list((tmp_path / "work_dirs" / "small-my photos").glob("best_my_photos_PSNR_*.pth"))


def test_mistakes_are_named(photos: Path, config_file: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder .*none"):
        load_config(config_file, images=[tmp_path / "none"])
    write_image(tmp_path / "one" / "a.png", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ValueError, match="one: a training needs two pictures"):
        load_config(config_file, images=[tmp_path / "one"])
    with pytest.raises(ValueError, match="bicubic_x2.*|trains on nothing"):
        load_config("bicubic_x2", images=[photos])
