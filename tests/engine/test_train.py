"""A training run: what it writes, what it refuses, how it deals with a full disk."""

import csv
import errno
import logging
import os
import re
import shlex
import shutil
import signal
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.visualization import LocalVisBackend

from ignn_toolbox.checkpoint import load_checkpoint
from ignn_toolbox.engine import preflight
from ignn_toolbox.engine.config import load_config
from ignn_toolbox.engine.distributed import first_host, launch, slurm_environment
from ignn_toolbox.engine.log import set_up
from ignn_toolbox.engine.train import train as start
from ignn_toolbox.engine.work_dir import held
from ignn_toolbox.evaluation.metrics import SRMetric
from ignn_toolbox.files import LockedError
from ignn_toolbox.images import read_image, write_image

from .conftest import forked, same, state
from .signals import at


def test_a_run_takes_the_device_it_is_told(train, tmp_path: Path) -> None:
    result = train(tmp_path / "cpu", {"device": "cpu"})
    assert result.iterations == 8
    assert "device cpu, " in next((tmp_path / "cpu").glob("*/*.log")).read_text()
    with pytest.raises(ValueError, match="device='cuda:7' is not here; there is cpu"):
        train(tmp_path / "none", {"device": "cuda:7"})
    with pytest.raises(ValueError, match="leave the device out"):
        launch("pytorch", Config({"device": "xpu"}))


def test_a_run_leaves_checkpoints_best_weights_and_records(train, tmp_path: Path) -> None:
    result = train(tmp_path)
    assert result.stopped_by is None
    assert set(result.metrics) == {"bsds399_val20/PSNR", "bsds399_val20/SSIM"}
    assert {p.name for p in tmp_path.glob("iter_*")} == {"iter_4.pth", "iter_8.pth"}
    (best,) = tmp_path.glob("best_bsds399_val20_PSNR_iter_*.pth")
    content = torch.load(best, weights_only=True)
    assert set(content) == {"meta", "state_dict", "best"}
    assert content["meta"]["config"]["network"]["type"] == "EDSR"
    assert content["meta"]["scale"] == 2
    (table,) = tmp_path.glob("*/per_image.csv")
    rows = list(csv.DictReader(table.open()))
    assert [row["image"] for row in rows] == ["held_out"]
    assert float(rows[0]["psnr"]) == result.metrics["bsds399_val20/PSNR"]


def test_the_log_tells_speed_time_left_memory_and_waiting(train, tmp_path: Path) -> None:
    train(tmp_path)
    (log,) = tmp_path.glob("*/*.log")
    text = log.read_text()
    for part in ("[2/8]", "it/s", "eta 0:00:0", " MiB", "data ", "2 samples: 1 processes x 2 x 1"):
        assert part in text
    assert "SyncBatchNorm" not in text
    assert "Hooks will be executed" not in text


def test_training_checkpoints_load_without_any_allow_list(train, tmp_path: Path) -> None:
    train(tmp_path)
    content = torch.load(tmp_path / "iter_8.pth", weights_only=True)
    assert content["loop"] == {"iter": 8, "samples_drawn": 16, "validated": 8}


def test_only_the_newest_checkpoints_are_kept(train, tmp_path: Path) -> None:
    train(
        tmp_path, {"default_hooks.checkpoint.interval": 1, "default_hooks.checkpoint.max_keep": 2}
    )
    assert {p.name for p in tmp_path.glob("iter_*")} == {"iter_7.pth", "iter_8.pth"}


def test_the_seed_alone_decides(train, tmp_path: Path) -> None:
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(tmp_path / name, {"randomness.seed": seed})
        weights.append(load_checkpoint(tmp_path / name / "iter_8.pth")["state_dict"])
    a, b, c = weights
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert any(not torch.equal(a[key], c[key]) for key in a)


def test_channels_last_changes_layout_only(train, tmp_path: Path) -> None:
    for last in (True, False):
        train(tmp_path / str(last), {"channels_last": last})
    a, b = (
        load_checkpoint(tmp_path / name / "iter_8.pth")["state_dict"] for name in ("True", "False")
    )
    assert a["network.stem.weight"].is_contiguous(memory_format=torch.channels_last)
    for key in a:
        torch.testing.assert_close(a[key], b[key], rtol=1e-3, atol=1e-5)


def test_layers_have_learning_rates_of_their_own(train, tmp_path: Path) -> None:
    still = dict(custom_keys={"stem": dict(lr_mult=0.0)})
    # A cosine's eta_min would be the rate's floor for all layers.
    still["custom_keys"]["aggregater"] = dict(lr_mult=2.0)
    train(tmp_path, {"optim_wrapper.paramwise_cfg": still, "param_scheduler": None})
    (log,) = tmp_path.glob("*/*.log")
    assert "names aggregater: no parameter of this network is called so" in log.read_text()
    before, after = (
        load_checkpoint(tmp_path / f"iter_{number}.pth")["state_dict"] for number in (4, 8)
    )
    moved = {key for key, value in before.items() if not torch.equal(value, after[key])}
    assert moved == {key for key in before if "stem" not in key and "_mean" not in key}


def test_accumulation_is_a_larger_batch(train, tmp_path: Path) -> None:
    options = {"param_scheduler": None, "lq_size": 12, "val_cfg": None, "val_dataloader": None}
    options |= {"val_evaluator": None}
    options |= {"optim_wrapper.optimizer": dict(_delete_=True, type="SGD", lr=0.1)}
    train(tmp_path / "a", options | {"batch_size": 4, "train_cfg.max_iters": 2})
    halves = {"batch_size": 2, "train_cfg.max_iters": 4, "optim_wrapper.accumulative_counts": 2}
    train(tmp_path / "b", options | halves)
    a = load_checkpoint(tmp_path / "a/iter_2.pth")["state_dict"]
    b = load_checkpoint(tmp_path / "b/iter_4.pth")["state_dict"]
    for key in a:
        torch.testing.assert_close(a[key], b[key], rtol=1e-5, atol=1e-7)


def test_a_full_disk_does_not_stop_training(train, tmp_path: Path, monkeypatch) -> None:
    free = shutil.disk_usage(tmp_path)
    calls = []

    def usage(path):
        calls.append(path)
        return free._replace(free=0) if len(calls) in (2, 3, 4) else free

    monkeypatch.setattr(shutil, "disk_usage", usage)
    options = {"default_hooks.checkpoint.interval": 2, "default_hooks.checkpoint.save_best": None}
    train(tmp_path, options)
    assert {p.name for p in tmp_path.glob("iter_*")} == {"iter_2.pth", "iter_8.pth"}
    (log,) = tmp_path.glob("*/*.log")
    assert "Training goes on" in log.read_text()


def test_a_failing_validation_loses_nothing(
    train, data_root: Path, tmp_path: Path, monkeypatch
) -> None:
    """The state before it is saved; what is resumed from there is the undisturbed run."""
    train(tmp_path / "whole")
    real = SRMetric.process

    def failing(*arguments):
        raise FileNotFoundError("held_out.png has gone")

    monkeypatch.setattr(SRMetric, "process", failing)
    with pytest.raises(FileNotFoundError, match="held_out"):
        train(tmp_path / "broken", {"default_hooks.checkpoint.interval": 3})
    assert [p.name for p in (tmp_path / "broken").glob("iter_4.pth")] == ["iter_4.pth"]
    monkeypatch.setattr(SRMetric, "process", real)
    result = train(tmp_path / "broken", resume=True)
    assert result.iterations == 8
    whole, broken = (state(tmp_path / name / "iter_8.pth") for name in ("whole", "broken"))
    assert same(whole, broken)
    best = [sorted(p.name for p in (tmp_path / n).glob("best*")) for n in ("whole", "broken")]
    assert best[0] == best[1]


def test_a_folder_takes_one_run_at_a_time(train, tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(LockedError) as error:
        train(tmp_path)
    said = str(error.value)
    assert said.startswith(f"another run is in {tmp_path}: process {os.getpid()} of ")
    assert f"on {socket.gethostname()}, since 20" in said
    assert said.endswith("; wait for it, or give another --work-dir")
    train(tmp_path)
    assert not (tmp_path / ".holder.json").exists()


def test_a_holder_that_died_keeps_nobody_out(train, tmp_path: Path) -> None:
    def die() -> None:
        with held(tmp_path):
            os.kill(os.getpid(), signal.SIGKILL)

    assert forked(die) == -signal.SIGKILL
    assert (tmp_path / ".holder.json").exists()
    with held(tmp_path):
        pass


def test_a_disk_that_is_full_at_the_start_is_one_error(train, tmp_path, monkeypatch, capfd) -> None:
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=f"the work dir {tmp_path} cannot be written: No space left"):
        train(tmp_path)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_full_disk_stops_neither_log_nor_figures(train, tmp_path, monkeypatch, capfd) -> None:
    def full(*arguments, **keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LocalVisBackend, "add_scalars", full)
    monkeypatch.setattr("ignn_toolbox.engine.hooks.write_csv", full)
    assert train(tmp_path).iterations == 8
    (log,) = tmp_path.glob("*/*.log")
    text = log.read_text()
    assert text.count("figures cannot be recorded: [Errno 28] No space left on device") == 1
    assert text.count("per_image.csv cannot be written") == 2
    logger = logging.Logger("full")
    logger.addHandler(logging.FileHandler("/dev/full", delay=True))
    set_up(logger)
    capfd.readouterr()
    for _ in range(3):
        logger.warning("a line")
    assert capfd.readouterr().err.splitlines() == [
        "the log /dev/full cannot be written: [Errno 28] No space left on device; the run goes on"
    ]


def test_a_run_whose_last_checkpoint_failed_ends_with_an_error(
    train, tmp_path, monkeypatch
) -> None:
    free = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free._replace(free=0))
    with pytest.raises(OSError, match="last checkpoint could not be written"):
        train(tmp_path)


@pytest.mark.parametrize("max_ratio", [None, 1.5])
def test_exploding_batches_are_left_out_and_named(train, tmp_path: Path, max_ratio) -> None:
    options = {"optim_wrapper.max_ratio": max_ratio, "optim_wrapper.optimizer.lr": 1e30}
    options |= {"optim_wrapper.max_skips": 3, "train_cfg.max_iters": 20}
    options |= {"train_cfg.val_interval": 20}
    with pytest.raises(ValueError, match="4 updates in a row were left out") as error:
        train(tmp_path, options)
    assert "lower the learning rate" in str(error.value)
    assert any(name in str(error.value) for name in ("a.png", "b.png", "c.png"))
    (log,) = tmp_path.glob("*/*.log")
    assert "left out (1 so far)" in log.read_text()
    assert not list(tmp_path.glob("best_*"))


def test_weights_that_make_no_picture_are_never_the_best(train, tmp_path: Path) -> None:
    options = {"optim_wrapper.optimizer.lr": 1e30, "train_cfg.val_interval": 2}
    with pytest.raises(ValueError, match="bsds399_val20/held_out: .* not finite"):
        train(tmp_path, options)
    assert not list(tmp_path.glob("best_*"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"data_root": "/nowhere"}, FileNotFoundError, "/nowhere/train/BSDS399"),
        ({"train_cfg.max_iters": 0, "param_scheduler": None}, ValueError, "max_iters must be"),
        ({"train_dataloader.sampler.type": "InfiniteSampler"}, ValueError, "IterationSampler"),
        ({"default_hooks.checkpoint.save_best": "Set5/PSNR"}, ValueError, "bsds399_val20/PSNR"),
        ({"optim_wrapper": None}, ValueError, "no optim_wrapper"),
    ],
)
def test_impossible_runs_are_refused(
    config_file, data_root, tmp_path, options, error, message
) -> None:
    options = {"data_root": str(data_root)} | options
    with pytest.raises(error, match=message):
        start(load_config(config_file, options), work_dir=tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(train, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="cannot be written"):
        train(tmp_path / "file" / "runs")


def test_launchers_say_what_they_miss(config_file: Path) -> None:
    config = load_config(config_file)
    with pytest.raises(ValueError, match="did you mean `pytorch`"):
        launch("pytorhc", config)
    with pytest.raises(ValueError, match="torchrun"):
        launch("pytorch", config)
    with pytest.raises(ValueError, match="SLURM_PROCID"):
        launch("slurm", config)


def test_slurm_tells_ranks_and_the_first_host() -> None:
    environment = {"SLURM_PROCID": "3", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1"}
    ranks = slurm_environment(environment | {"SLURM_STEP_NODELIST": "gpu[03-05,9],login"})
    assert ranks == {
        "RANK": "3",
        "WORLD_SIZE": "8",
        "LOCAL_RANK": "1",
        "MASTER_ADDR": "gpu03",
        "MASTER_PORT": "29500",
    }
    assert [first_host(n) for n in ("a1", "a1,a2", "n[7]")] == ["a1", "a1", "n7"]


def test_the_command_trains_and_names_the_way_to_go_on(
    cli, config_file, data_root, tmp_path
) -> None:
    words = ["train", config_file, "--data-root", data_root, "--work-dir", tmp_path, "--seed", 3]
    status, out, _ = cli(*words)
    assert status == 0
    assert os.path.isfile(tmp_path / "iter_8.pth")
    twice = ["--cfg-options", "model.network.chanels=3", "--cfg-options", "batch_size=2"]
    status, _, err = cli("train", config_file, *twice)
    assert status == 1
    assert "did you mean `channels`" in err


def test_a_stopped_command_prints_the_one_that_goes_on(
    cli, config_file, data_root, tmp_path
) -> None:
    words = ["train", config_file, "--data-root", data_root, "--work-dir", tmp_path / "a b"]
    ((key, hook),) = at(2, signal.SIGTERM).items()
    status, out, _ = cli(*words, "--cfg-options", f"{key}={hook}")
    assert status == 128 + signal.SIGTERM
    assert f"SIGTERM: stopped after iteration 3, whose checkpoint is in {tmp_path / 'a b'}" in out
    ignn, *again = shlex.split(out.rstrip().rpartition("Go on with:\n")[2])
    assert ignn == "ignn"
    again = [word for word in again if not word.startswith("default_hooks.signal")]
    status, _, err = cli(*again[:-1])
    assert status == 0, err
    assert (tmp_path / "a b" / "iter_8.pth").is_file()


@pytest.mark.parametrize("empty", ["folder", "list", "file"])
def test_data_of_no_length_are_refused(config_file: Path, tmp_path: Path, empty: str) -> None:
    for name in ("BSDS399/held_out", "T91/c"):
        write_image(tmp_path / f"data/train/{name}.png", np.zeros((40, 40, 3), np.uint8))
    names = tmp_path / "data/train/bsds399_val20.txt"
    names.write_text("held_out\n")
    if empty == "folder":
        (tmp_path / "data/train/T91/c.png").unlink()
        message = "T91 holds no image"
    elif empty == "list":
        names.write_text("held_out\nc\n")
        message = "no image of .* is left by .*bsds399_val20.txt"
    else:
        (tmp_path / "data/train/T91/c.png").write_bytes(b"")
        message = r"c\.png cannot be read as an image: it is empty"
    with pytest.raises(ValueError, match=message):
        start(load_config(config_file, data_root=tmp_path / "data"), work_dir=tmp_path / "run")


def test_sample_pictures_are_recorded_at_their_interval(train, data_root, tmp_path: Path) -> None:
    options = {"train_cfg.val_interval": 2}
    options["default_hooks.samples"] = dict(type="ComparisonHook", pictures=1, interval=2)
    train(tmp_path, options)
    pictures = sorted(tmp_path.glob("*/vis_data/vis_image/*.png"))
    assert [p.stem for p in pictures] == ["bsds399_val20_held_out_2", "bsds399_val20_held_out_6"]
    strip = read_image(pictures[0])
    gt = read_image(data_root / "train/BSDS399/held_out.png")
    assert strip.shape == (40, 3 * 44, 3)
    assert (strip[:, 2 * 44 :] == gt).all()


def test_tensorboard_gets_losses_rates_figures_and_pictures(
    train, repo_dir: Path, tmp_path: Path
) -> None:
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    base = Config.fromfile(repo_dir / "configs/_base_/runtime/tensorboard.py")
    options = {"default_hooks.samples": base.default_hooks.samples}
    train(tmp_path, options | {"visualizer.vis_backends": base.visualizer.vis_backends})
    (folder,) = tmp_path.glob("*/vis_data")
    events = loader.EventAccumulator(str(folder)).Reload()
    tags = events.Tags()
    wanted = {"loss", "lr", "bsds399_val20/PSNR", "bsds399_val20/SSIM", "memory"}
    assert wanted <= set(tags["scalars"])
    assert tags["images"] == ["bsds399_val20_held_out"]
    assert [event.step for event in events.Scalars("bsds399_val20/PSNR")] == [4, 8]


@pytest.mark.slow
def test_a_compiled_network_trains_to_nearly_the_same_weights(train, tmp_path: Path) -> None:
    pytest.importorskip("torch._inductor")
    for compiled in (False, True):
        train(tmp_path / str(compiled), {"compile": compiled})
    a, b = (load_checkpoint(tmp_path / n / "iter_8.pth")["state_dict"] for n in ("False", "True"))
    assert a.keys() == b.keys()
    for key in a:
        torch.testing.assert_close(a[key], b[key], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "package", "command"),
    [
        ("TensorboardVisBackend", "tensorboard", "'ignn_toolbox[vis]'"),
        ("MLflowVisBackend", "mlflow", "mlflow"),
        ("WandbVisBackend", "wandb", "wandb"),
    ],
)
def test_a_back_end_without_its_package_is_named(
    kind, package, command, config_file, monkeypatch
) -> None:
    config = load_config(config_file, {"visualizer.vis_backends": [{"type": kind}]})
    monkeypatch.setattr(preflight.importlib.util, "find_spec", lambda name: None)
    said = f"{kind} needs the package {package}: pip install {command}"
    with pytest.raises(ValueError, match=re.escape(said)):
        preflight.check_training(config)
