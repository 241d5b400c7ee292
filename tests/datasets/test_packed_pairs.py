"""The memory-mapped cache gives the same pairs, and never those of other files."""

import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from ignn_toolbox.datasets import BicubicDataset, PairedImageDataset, SampleIndex
from ignn_toolbox.datasets.image_io import write_image

from .conftest import picture

AUGMENT = [
    {"type": "PairedRandomCrop", "lq_size": 6},
    {"type": "RandomFlip"},
    {"type": "RandomRot90"},
    {"type": "PackInputs"},
]


def test_cached_pairs_are_the_same(hr_dir: Path, lr_dir: Path, tmp_path: Path) -> None:
    for number, (kind, arguments) in enumerate(
        [
            (BicubicDataset, (str(hr_dir), 2)),
            (BicubicDataset, (str(hr_dir), 3, "replicate")),
            (PairedImageDataset, (str(hr_dir), str(lr_dir), 2)),
        ]
    ):
        folder = tmp_path / f"cache{number}"
        cached = kind(*arguments, cache=str(folder))
        size = cached.build_cache()
        plain = kind(*arguments)
        pairs = [(item["lq"], item["gt"]) for item in plain]
        assert size == sum(lq.size + gt.size for lq, gt in pairs)
        assert (folder / "pairs.bin").stat().st_size == size
        assert sorted(os.listdir(folder)) == ["index.json", "pairs.bin"]
        for item, (lq, gt) in zip(kind(*arguments, cache=str(folder)), pairs, strict=True):
            assert (item["lq"] == lq).all()
            assert (item["gt"] == gt).all()
            assert not item["gt"].flags.writeable


def test_augmentation_from_the_cache_with_workers(hr_dir: Path, tmp_path: Path) -> None:
    order = [SampleIndex(draw % 3, draw) for draw in range(12)]
    plain = BicubicDataset(str(hr_dir), 2, pipeline=AUGMENT)
    cached = BicubicDataset(str(hr_dir), 2, pipeline=AUGMENT, cache=str(tmp_path / "cache"))
    cached.build_cache()
    for workers in (0, 2):
        loader = DataLoader(cached, None, sampler=order, num_workers=workers)
        for index, item in zip(order, loader, strict=True):
            assert torch.equal(item["inputs"], plain[index]["inputs"])


def test_a_cached_data_set_travels_without_its_pixels(hr_dir: Path, tmp_path: Path) -> None:
    write_image(hr_dir / "a.png", picture(600, 600))
    data = BicubicDataset(str(hr_dir), 2, cache=str(tmp_path / "cache"))
    data.build_cache()
    expected = data[0]["gt"]
    sent = pickle.dumps(data)
    assert len(sent) < 100_000
    assert (pickle.loads(sent)[0]["gt"] == expected).all()


def test_stale_caches_are_refused(hr_dir: Path, tmp_path: Path) -> None:
    def data(scale: int = 2, **arguments) -> BicubicDataset:
        return BicubicDataset(str(hr_dir), scale, cache=str(tmp_path / "cache"), **arguments)

    with pytest.raises(FileNotFoundError, match="ignn prepare cache"):
        data()[0]
    data().build_cache()
    assert data()[0]["lq"].shape == (12, 18, 3)
    for other in (data(3), data(border="replicate")):
        with pytest.raises(ValueError, match="was made with"):
            other[0]
    (tmp_path / "names.txt").write_text("a\nb\n")
    with pytest.raises(ValueError, match="holds 3 pairs, not 2"):
        data(ann_file=str(tmp_path / "names.txt"))[0]
    later = time.time() + 5
    os.utime(hr_dir / "b.png", (later, later))
    with pytest.raises(ValueError, match="holds another b"):
        data()[0]
    data().build_cache()
    assert data()[1]["name"] == "b"


def test_interrupted_building_leaves_no_cache(hr_dir: Path, tmp_path: Path) -> None:
    path = hr_dir / "c.png"
    path.write_bytes(path.read_bytes()[:-100])
    data = BicubicDataset(str(hr_dir), 2, cache=str(tmp_path / "cache"))
    with pytest.raises(ValueError, match=r"c\.png cannot be read"):
        data.build_cache()
    assert not os.listdir(tmp_path / "cache")
    with pytest.raises(ValueError, match="set cache to a folder"):
        BicubicDataset(str(hr_dir), 2).build_cache()


def test_one_process_delivers_1500_pairs_a_second(tmp_path: Path) -> None:
    """Augmented pairs of 48x48 and 96x96 pixels; CPU time, so a busy machine does not count."""
    rng = np.random.default_rng(0)
    for name in range(8):
        image = rng.integers(0, 256, (320, 480, 3), dtype=np.uint8)
        write_image(tmp_path / "HR" / f"{name}.bmp", image)
    crop = {"type": "PairedRandomCrop", "lq_size": 48}
    steps = [crop, *AUGMENT[1:3], {"type": "RandomChannelShuffle"}, {"type": "PackInputs"}]
    data = BicubicDataset(str(tmp_path / "HR"), 2, cache=str(tmp_path / "cache"), pipeline=steps)
    data.build_cache()
    data[SampleIndex(0, 0)]
    start = time.process_time()
    for draw in range(1000):
        data[SampleIndex(draw % 8, draw)]
    assert 1000 / (time.process_time() - start) > 1500
