"""The cache gives the same pairs, and never those of other files; its making can be interrupted."""

import contextlib
import json
import multiprocessing
import os
import pickle
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from ignn_toolbox.datasets import (
    PairedImageDataset,
    RestorationDataset,
    SampleIndex,
    packed_pairs,
    pair_storage,
)
from ignn_toolbox.datasets.degradations import BicubicDown
from ignn_toolbox.datasets.packed_pairs import FORMAT, PackedPairs, pack_pairs
from ignn_toolbox.files import locked
from ignn_toolbox.images import write_image

from .conftest import picture

AUGMENT = [
    {"type": "PairedRandomCrop", "lq_size": 6},
    {"type": "RandomFlip"},
    {"type": "RandomRot90"},
    {"type": "PackInputs"},
]


@pytest.fixture(params=["mmap", "lmdb"])
def storage(request) -> str:
    """Both ways to keep a cache; LMDB where it is installed."""
    if request.param == "lmdb":
        pytest.importorskip("lmdb")
    return request.param


def test_cached_pairs_are_the_same(
    hr_dir: Path, lr_dir: Path, tmp_path: Path, storage: str
) -> None:
    for number, (kind, arguments) in enumerate(
        [
            (RestorationDataset, (str(hr_dir), 2)),
            (RestorationDataset, (str(hr_dir), 3)),
            (PairedImageDataset, (str(hr_dir), str(lr_dir), 2)),
        ]
    ):
        folder = tmp_path / f"cache{number}"
        cached = kind(*arguments, cache=str(folder))
        size, kept = cached.build_cache(storage)
        plain = kind(*arguments)
        pairs = [(item["lq"], item["gt"]) for item in plain]
        assert (size, kept) == (sum(lq.size + gt.size for lq, gt in pairs), 0)
        assert cached.build_cache(storage) == (size, 3)
        file = pair_storage.file_name(storage)
        assert sorted(os.listdir(folder)) == [".lock", "index.json", file]
        assert storage == "lmdb" or (folder / file).stat().st_size == size
        for item, (lq, gt) in zip(kind(*arguments, cache=str(folder)), pairs, strict=True):
            assert (item["lq"] == lq).all()
            assert (item["gt"] == gt).all()
            assert not item["gt"].flags.writeable


def test_augmentation_from_the_cache_with_workers(
    hr_dir: Path, tmp_path: Path, storage: str
) -> None:
    order = [SampleIndex(draw % 3, draw) for draw in range(12)]
    plain = RestorationDataset(str(hr_dir), 2, pipeline=AUGMENT)
    cached = RestorationDataset(str(hr_dir), 2, pipeline=AUGMENT, cache=str(tmp_path / "cache"))
    cached.build_cache(storage)
    for workers in (0, 2):
        loader = DataLoader(cached, None, sampler=order, num_workers=workers)
        for index, item in zip(order, loader, strict=True):
            assert torch.equal(item["inputs"], plain[index]["inputs"])


def test_a_cached_data_set_travels_without_its_pixels(
    hr_dir: Path, tmp_path: Path, storage: str
) -> None:
    write_image(hr_dir / "a.png", picture(600, 600))
    data = RestorationDataset(str(hr_dir), 2, cache=str(tmp_path / "cache"))
    data.build_cache(storage)
    expected = data[0]["gt"].copy()
    sent = pickle.dumps(data)
    assert len(sent) < 100_000
    assert (pickle.loads(sent)[0]["gt"] == expected).all()


def test_stale_caches_are_refused(hr_dir: Path, tmp_path: Path) -> None:
    def data(scale: int = 2, **arguments) -> RestorationDataset:
        return RestorationDataset(str(hr_dir), scale, cache=str(tmp_path / "cache"), **arguments)

    with pytest.raises(FileNotFoundError, match="ignn prepare cache"):
        data()[0]
    data().build_cache()
    assert data()[0]["lq"].shape == (12, 18, 3)
    for other in (data(3), data(reduced_by=1.5)):
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


def packed(folder: Path, file: Path) -> tuple[list[dict], dict]:
    """A cache of two pairs, and what was made of what."""
    write_image(file, np.zeros((8, 8, 3), np.uint8))
    infos = [{"name": name, "gt_path": file, "lq_path": None} for name in "ab"]

    def load(some):
        return [(np.zeros((4, 4, 3), np.uint8), np.ones((8, 8, 3), np.uint8)) for _ in some]

    pack_pairs(folder, infos, {"scale": 2}, load)
    return infos, {"load": load}


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index.update(pairs="xx"),
        lambda index: index.update(pairs=None),
        lambda index: index.pop("pairs"),
        lambda index: index.update(settings=[1]),
        lambda index: index.update(storage="../x"),
        lambda index: index.pop("storage"),
        lambda index: index["pairs"].__setitem__(0, 5),
        lambda index: index["pairs"][0].update(lq=[-4, -4, 3]),
        lambda index: index["pairs"][0].update(gt=[10**9, 10**9, 3]),
        lambda index: index["pairs"][1].update(lq="abc"),
        lambda index: index["pairs"][1].update(lq=[4.0, 4, 3]),
        lambda index: index["pairs"][1].update(lq=[48], gt=[192]),
        lambda index: index["pairs"][1].pop("gt"),
        lambda index: index["pairs"][1].update(gt=[8, 16, 3]),
    ],
)
def test_a_damaged_index_is_named_and_made_anew(tmp_path: Path, change) -> None:
    folder = tmp_path / "cache"
    infos, more = packed(folder, tmp_path / "a.png")
    index = json.loads((folder / "index.json").read_bytes())
    change(index)
    for text in (json.dumps(index), "[" * 10**5, "[1]", "{", ""):
        (folder / "index.json").write_text(text)
        with pytest.raises(ValueError, match=r"the cache in .* (is damaged|was made)"):
            PackedPairs(folder, infos, {"scale": 2})
    pack_pairs(folder, infos, {"scale": 2}, **more)
    assert PackedPairs(folder, infos, {"scale": 2})[1][1].all()


@pytest.mark.parametrize("size", [0, 100])
def test_pixels_that_are_cut_are_named(tmp_path: Path, size: int) -> None:
    infos, _ = packed(tmp_path / "cache", tmp_path / "a.png")
    os.truncate(tmp_path / "cache/pairs.bin", size)
    with pytest.raises(ValueError, match=f"is damaged: pairs.bin holds {size} bytes, not 480"):
        PackedPairs(tmp_path / "cache", infos, {"scale": 2})


@pytest.mark.parametrize(
    "line",
    [
        *("junk", "5", "{}", "[" * 10**5),
        *('{"lq": "x"}', '{"lq": [-1, 4, 3]}', '{"lq": [1000000, 1000000, 30]}'),
        *('{"lq": [4, 4, 3], "gt": [800, 800, 3]}', '{"gt": null}'),
    ],
)
def test_a_damaged_journal_of_a_build_is_not_taken_over(tmp_path: Path, line: str) -> None:
    folder = tmp_path / "cache"
    infos, more = packed(folder, tmp_path / "a.png")
    first = json.loads((folder / "index.json").read_bytes())["pairs"][0]
    with contextlib.suppress(ValueError):
        line = json.dumps(first | json.loads(line)) if line[0] == "{" and line != "{}" else line
    head = json.dumps({"format": FORMAT, "settings": {"scale": 2}})
    for lines in ([head, line], [line]):
        for path in folder.iterdir():
            path.unlink()
        (folder / ".pairs.bin.part").write_bytes(bytes(1000))
        (folder / ".pairs.bin.journal").write_text("\n".join(lines) + "\n")
        assert pack_pairs(folder, infos, {"scale": 2}, **more) == (480, 0)
        lq, gt = PackedPairs(folder, infos, {"scale": 2})[0]
        assert (lq.shape, bool(gt.all())) == ((4, 4, 3), True)


def test_interrupted_building_goes_on(
    hr_dir: Path, tmp_path: Path, monkeypatch, storage: str
) -> None:
    monkeypatch.setattr(packed_pairs, "AT_A_TIME", 1)
    folder = tmp_path / "cache"
    path = hr_dir / "c.png"
    whole, stat = path.read_bytes(), path.stat()
    path.write_bytes(whole[:-100])
    data = RestorationDataset(str(hr_dir), 2, cache=str(folder))
    with pytest.raises(ValueError, match=r"c\.png cannot be read"):
        data.build_cache(storage)
    assert not (folder / "index.json").exists()
    path.write_bytes(whole)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    calls = []
    size, kept = data.build_cache(storage, lambda *done: calls.append(done))
    assert (kept, calls) == (2, [(3, 3)])
    assert sorted(os.listdir(folder)) == [".lock", "index.json", pair_storage.file_name(storage)]
    for item, plain in zip(data, RestorationDataset(str(hr_dir), 2), strict=True):
        assert (item["lq"] == plain["lq"]).all()
        assert (item["gt"] == plain["gt"]).all()


@pytest.mark.parametrize("pairs", [0, 1, 2])
def test_building_that_is_killed_goes_on(
    hr_dir: Path, tmp_path: Path, monkeypatch, storage: str, pairs: int
) -> None:
    monkeypatch.setattr(packed_pairs, "AT_A_TIME", 1)
    data = RestorationDataset(str(hr_dir), 2, cache=str(tmp_path / "cache"))
    writer = {"mmap": pair_storage.MappedWriter, "lmdb": pair_storage.LmdbWriter}[storage]
    append, done = writer.append, []

    def deadly(self, parts) -> None:
        if len(done) == pairs:
            append(self, parts[:1])  # half a pair is written
            os.kill(os.getpid(), signal.SIGKILL)
        append(self, parts)
        done.append(1)

    with monkeypatch.context() as patch:
        patch.setattr(writer, "append", deadly)
        builder = multiprocessing.get_context("fork").Process(
            target=data.build_cache, args=(storage,)
        )
        builder.start()
        builder.join(30)
        assert builder.exitcode == -signal.SIGKILL
    assert data.build_cache(storage)[1] == pairs
    for item, plain in zip(data, RestorationDataset(str(hr_dir), 2), strict=True):
        assert (item["gt"] == plain["gt"]).all()


def test_what_was_begun_of_other_files_is_not_taken_over(
    hr_dir: Path, tmp_path: Path, monkeypatch, storage: str
) -> None:
    monkeypatch.setattr(packed_pairs, "AT_A_TIME", 1)
    data = RestorationDataset(str(hr_dir), 2, cache=str(tmp_path / "cache"))

    def interrupt(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    for change in ("file", "settings"):
        with pytest.raises(KeyboardInterrupt):
            data.build_cache(storage, interrupt)
        if change == "file":
            write_image(hr_dir / "b.png", picture(24, 36, 7))
            assert data.build_cache(storage)[1] == 1
            os.utime(hr_dir / "b.png")
        else:
            data.degradations = [BicubicDown(2, "replicate")]
            assert data.build_cache(storage)[1] == 0
    assert (data[1]["gt"] == picture(24, 36, 7)).all()


def test_a_cache_is_made_anew_in_another_storage(hr_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("lmdb")
    data = RestorationDataset(str(hr_dir), 2, cache=str(tmp_path / "cache"))
    for storage in ("mmap", "lmdb", "mmap"):
        assert data.build_cache(storage)[1] == 0
        assert sorted(os.listdir(tmp_path / "cache")) == [
            ".lock",
            "index.json",
            pair_storage.file_name(storage),
        ]
        assert data[2]["name"] == "c"


def test_impossible_caches_are_refused(hr_dir: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(ValueError, match="set cache to a folder"):
        RestorationDataset(str(hr_dir), 2).build_cache()
    data = RestorationDataset(str(hr_dir), 2, cache=str(tmp_path / "cache"))
    with pytest.raises(ValueError, match="mmap, lmdb, got 'zarr'"):
        data.build_cache("zarr")
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(ValueError, match="needs the package lmdb"):
        data.build_cache("lmdb")
    with (
        locked(tmp_path / "cache" / ".lock"),
        pytest.raises(OSError, match="another process is making the cache"),
    ):
        data.build_cache()
    assert data.build_cache()[1] == 0


def test_one_process_delivers_1500_pairs_a_second(tmp_path: Path) -> None:
    """Augmented pairs of 48x48 and 96x96 pixels; CPU time, so a busy machine does not count."""
    rng = np.random.default_rng(0)
    for name in range(8):
        image = rng.integers(0, 256, (320, 480, 3), dtype=np.uint8)
        write_image(tmp_path / "HR" / f"{name}.bmp", image)
    crop = {"type": "PairedRandomCrop", "lq_size": 48}
    steps = [crop, *AUGMENT[1:3], {"type": "RandomChannelShuffle"}, {"type": "PackInputs"}]
    data = RestorationDataset(
        str(tmp_path / "HR"), 2, cache=str(tmp_path / "cache"), pipeline=steps
    )
    data.build_cache()
    data[SampleIndex(0, 0)]
    start = time.process_time()
    for draw in range(1000):
        data[SampleIndex(draw % 8, draw)]
    assert 1000 / (time.process_time() - start) > 1500
