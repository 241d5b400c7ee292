"""Checkpoints: hostile files are refused, good ones load, writing never harms what was there."""

import contextlib
import copy
import io
import os
import pickle
import re
import resource
import runpy
import shutil
import struct
import sys
import tarfile
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from ignn_toolbox.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from ignn_toolbox.engine.checkpoint import training_checkpoints
from ignn_toolbox.weights import load_weights

_SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks/hostile_files.py"
_TRIED = runpy.run_path(str(_SCRIPT))
HOSTILE, CANARY, Calls = (_TRIED[name] for name in ("HOSTILE", "CANARY", "Calls"))


@pytest.mark.parametrize("where", _TRIED["PLACES"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused(tmp_path: Path, monkeypatch, kind: str, where: str) -> None:
    monkeypatch.chdir(tmp_path)
    _TRIED["write_hostile"](kind, where, Path("bad.pth"))
    with pytest.raises(CheckpointError, match="was refused") as error:
        load_checkpoint("bad.pth")
    assert re.search(
        r"was refused: it (refers to `.+`|holds an object of .+); only", str(error.value)
    )
    assert not Path(CANARY).exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_bare_pickles_are_refused(tmp_path: Path, monkeypatch, protocol: int) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.pth").write_bytes(pickle.dumps(Calls(os.system, f"touch {CANARY}"), protocol))
    with pytest.raises(CheckpointError):
        load_checkpoint("bad.pth")
    assert not Path(CANARY).exists()


def test_mmengine_reads_by_the_same_rule(tmp_path: Path) -> None:
    torch.save({"state_dict": Calls(os.system, f"touch {tmp_path / CANARY}")}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError):
        CheckpointLoader.load_checkpoint(str(tmp_path / "x.pth"))
    assert not (tmp_path / CANARY).exists()


def test_script_archives_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("x/constants.pkl", pickle.dumps(()))
        archive.writestr("x/code/__torch__.py", "import os")
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "x.pth")


def test_checkpoints_of_other_mmengine_projects_load(tmp_path: Path) -> None:
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    content = {
        "meta": {"epoch": 1, "iter": np.int64(3), "seed": np.float32(0.5)},
        "state_dict": OrderedDict(w=torch.arange(3)),
        "message_hub": {"log_scalars": OrderedDict({"train/loss": history})},
    }
    torch.save(content, tmp_path / "x.pth")
    loaded = load_checkpoint(tmp_path / "x.pth")
    assert loaded["message_hub"]["log_scalars"]["train/loss"].mean() == 1.5
    assert loaded["meta"] == {"epoch": 1, "iter": 3, "seed": 0.5}


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_what_is_saved_is_loaded(tmp_path: Path, name: str) -> None:
    last = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    weights, meta = {"a": torch.randn(2, 3), "b": last}, {"scale": 2, "config": {"type": "X"}}
    save_checkpoint({"meta": meta, "state_dict": weights}, tmp_path / name)
    loaded = load_checkpoint(tmp_path / name)
    assert loaded["meta"] == meta
    assert all(torch.equal(loaded["state_dict"][key], value) for key, value in weights.items())


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch) -> None:
    save_checkpoint({"meta": {}, "state_dict": {"w": torch.ones(1)}}, tmp_path / "x.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(CheckpointError, match=r"needs the package safetensors: pip install"):
        load_checkpoint(tmp_path / "x.safetensors")


def test_bare_weights_load(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "x.pth")
    assert load_checkpoint(tmp_path / "x.pth")["state_dict"]["w"] == 1


def test_a_file_cut_anywhere_is_an_error(tmp_path: Path) -> None:
    save_checkpoint({"meta": {}, "state_dict": {"w": torch.randn(64)}}, tmp_path / "whole.pth")
    data = (tmp_path / "whole.pth").read_bytes()
    for length in range(len(data)):
        (tmp_path / "cut.pth").write_bytes(data[:length])
        with pytest.raises(CheckpointError):
            load_checkpoint(tmp_path / "cut.pth")


def test_flipped_bytes_are_an_error_or_change_nothing_of_the_structure(tmp_path: Path) -> None:
    save_checkpoint({"meta": {"k": 1}, "state_dict": {"w": torch.randn(64)}}, tmp_path / "x.pth")
    data = bytearray((tmp_path / "x.pth").read_bytes())
    for place in range(0, len(data), 29):
        changed = data.copy()
        changed[place] ^= 0xFF
        (tmp_path / "y.pth").write_bytes(changed)
        with contextlib.suppress(CheckpointError):
            assert load_checkpoint(tmp_path / "y.pth").keys() >= {"meta"}


def test_a_full_disk_leaves_the_former_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "x.pth"
    save_checkpoint({"meta": {}, "state_dict": {"w": torch.ones(1)}}, path)
    usage = shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match=r"needs 1024 MiB, but only 1 MiB are free"):
        save_checkpoint({"state_dict": {"w": torch.empty(2**28, device="cpu")}}, path)
    assert load_checkpoint(path)["state_dict"]["w"] == 1
    assert os.listdir(tmp_path) == ["x.pth"]


def test_a_failing_write_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    save_checkpoint({"meta": {}, "state_dict": {"w": torch.ones(1)}}, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="could not be written"):
            save_checkpoint({"state_dict": {"w": torch.randn(100_000)}}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert load_checkpoint(path)["state_dict"]["w"] == 1
    assert os.listdir(tmp_path) == ["x.pth"]


def test_weights_that_do_not_fit_are_listed() -> None:
    model = torch.nn.Linear(2, 3)
    weights = {"weight": torch.zeros(3, 4), "extra": torch.zeros(1)}
    with pytest.raises(CheckpointError) as error:
        load_weights(model, {"state_dict": weights}, "x.pth")
    for fault in ("missing bias (3,)", "left over extra", "weight is (3, 4), the model has (3, 2)"):
        assert fault in str(error.value)


def test_training_checkpoints_are_sorted_by_number(tmp_path: Path) -> None:
    for name in ("iter_9.pth", "iter_10.pth", "best_x_iter_11.pth", "iter_x.pth"):
        (tmp_path / name).touch()
    assert [path.name for path in training_checkpoints(tmp_path)] == ["iter_10.pth", "iter_9.pth"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent.pth"):
        load_checkpoint(tmp_path / "absent.pth")


def packed(source: Path, target: Path, compression: int = zipfile.ZIP_STORED) -> None:
    """Writes an archive of the same members anew."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for member in old.infolist():
            new.writestr(member.filename, old.read(member))


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path: Path, kind: int) -> None:
    torch.save({"state_dict": {"w": torch.zeros(2**24)}}, tmp_path / "whole.pth")
    packed(tmp_path / "whole.pth", tmp_path / "bomb.pth", kind)
    assert (tmp_path / "bomb.pth").stat().st_size < 2**20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=r"bomb\.pth was refused: its member .* is compress"):
        load_checkpoint(tmp_path / "bomb.pth")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**14
    packed(tmp_path / "whole.pth", tmp_path / "same.pth")
    assert load_checkpoint(tmp_path / "same.pth")["state_dict"]["w"].sum() == 0


def test_one_member_under_many_names_is_refused(tmp_path: Path) -> None:
    """The directory points at the same bytes again and again: the sum is beyond the file."""
    torch.save({"state_dict": {"w": torch.zeros(2**16)}}, tmp_path / "x.pth")
    with zipfile.ZipFile(tmp_path / "x.pth") as old:
        members = [(m.filename, old.read(m)) for m in old.infolist()]
    with zipfile.ZipFile(tmp_path / "y.pth", "w") as new:
        for name, data in members:
            new.writestr(name, data)
        large = new.getinfo("x/data/0")
        for number in range(40):
            again = copy.copy(large)
            again.filename = again.orig_filename = f"x/data/{number + 1}"
            new.filelist.append(again)
            new.NameToInfo[again.filename] = again
    with pytest.raises(CheckpointError, match=r"its members claim .* bytes, but the file has"):
        load_checkpoint(tmp_path / "y.pth")


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    """Which of them counts is for whoever reads: what was looked at need not be what is loaded."""
    torch.save({"state_dict": {"w": torch.zeros(3)}}, tmp_path / "x.pth")
    with zipfile.ZipFile(tmp_path / "x.pth", "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("x/data.pkl", pickle.dumps({"state_dict": {}}))
    with pytest.raises(CheckpointError, match=r"x\.pth was refused: it holds two members"):
        load_checkpoint(tmp_path / "x.pth")


def test_pytorchs_first_format_is_refused_in_our_words(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.pth", "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(CheckpointError, match="can run code") as caught:
        load_checkpoint(tmp_path / "x.pth")
    assert "weights_only" not in str(caught.value)


def test_an_archive_behind_the_archive_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"w": torch.zeros(3)}}, tmp_path / "x.pth")
    data = (tmp_path / "x.pth").read_bytes()
    for content in (data + b"more", data + data, data[:-1], data + b"\0" * 22):
        (tmp_path / "y.pth").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"y\.pth"):
            load_checkpoint(tmp_path / "y.pth")


def test_a_record_smaller_than_its_tensor_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(300)}, tmp_path / "x.pth")
    with (
        zipfile.ZipFile(tmp_path / "x.pth") as old,
        zipfile.ZipFile(tmp_path / "y.pth", "w") as new,
    ):
        for member in old.infolist():
            data = old.read(member)
            if member.filename.endswith("data.pkl"):
                assert data.count(b"M\x2c\x01") == 2  # 300, as pickle writes it
                data = data.replace(b"M\x2c\x01", b"J" + struct.pack("<i", 2 * 10**9))
            new.writestr(member.filename, data)
    with pytest.raises(CheckpointError, match=r"y\.pth"):
        load_checkpoint(tmp_path / "y.pth")


@pytest.mark.parametrize("protocol", [False, True], ids=["pickle", "archive"])
def test_tensors_larger_than_the_file_are_refused(tmp_path: Path, protocol: bool) -> None:
    shared = torch.zeros(2**14)
    for weights in (
        {"w": torch.zeros(1).expand(10**12)},
        {"w": torch.zeros(4, 1).expand(4, 10**6)},
        {f"w{n}": shared for n in range(100)},
    ):
        torch.save(
            {"state_dict": weights}, tmp_path / "x.pth", _use_new_zipfile_serialization=protocol
        )
        with pytest.raises(CheckpointError, match="its tensors claim"):
            load_checkpoint(tmp_path / "x.pth")


def test_tied_weights_load(tmp_path: Path) -> None:
    weight = torch.randn(64, 64)
    torch.save({"a": weight, "b": weight, "c": weight.t()}, tmp_path / "x.pth")
    loaded = load_checkpoint(tmp_path / "x.pth")["state_dict"]
    assert torch.equal(loaded["c"], weight.t())


@pytest.mark.parametrize(
    "tensor",
    [
        torch.eye(3).to_sparse(),
        torch.eye(3).to_sparse_csr(),
        torch.quantize_per_tensor(torch.eye(3), 0.1, 0, torch.qint8),
        torch.empty(3, device="meta"),
        torch.eye(3).to(torch.float8_e4m3fn),
        torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
    ],
    ids=["sparse", "compressed", "quantised", "meta", "8 bits", "nested"],
)
@pytest.mark.filterwarnings("ignore")
def test_tensors_that_no_network_has_are_refused(tmp_path: Path, tensor: torch.Tensor) -> None:
    torch.save({"state_dict": {"w": tensor}}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"x\.pth"):
        load_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("weights", [None, [], "x", 5, {1: torch.zeros(1)}, {"w": 1}, {"w": None}])
def test_weights_of_another_kind_are_named(tmp_path: Path, weights: object) -> None:
    torch.save({"meta": {}, "state_dict": weights}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"x\.pth holds "):
        load_weights(torch.nn.Linear(2, 3), load_checkpoint(tmp_path / "x.pth"), "x.pth")


@pytest.mark.parametrize("dtype", [torch.int8, torch.bool, torch.complex64])
def test_numbers_of_another_kind_are_not_cast(dtype: torch.dtype) -> None:
    weights = {"weight": torch.ones(3, 2, dtype=dtype), "bias": torch.zeros(3)}
    with pytest.raises(CheckpointError, match=f"weight is {dtype}, the model has torch.float32"):
        load_weights(torch.nn.Linear(2, 3), {"state_dict": weights}, "x.pth")
    for fine in (torch.float16, torch.bfloat16, torch.float64):
        weights["weight"] = weights["weight"].real.to(fine)
        load_weights(torch.nn.Linear(2, 3), {"state_dict": weights}, "x.pth")


def test_little_room_is_enough_for_a_small_file(tmp_path: Path, monkeypatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    save_checkpoint({"state_dict": {"w": torch.zeros(1000)}}, tmp_path / "x.pth")
    assert load_checkpoint(tmp_path / "x.pth")["state_dict"]["w"].sum() == 0


def test_a_name_may_be_as_long_as_any(tmp_path: Path) -> None:
    name = "x" * 251 + ".pth"
    save_checkpoint({"state_dict": {"w": torch.zeros(1)}}, tmp_path / name)
    assert os.listdir(tmp_path) == [name]
