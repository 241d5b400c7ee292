"""An interrupted and continued run is the uninterrupted run, bit for bit."""

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist

from ignn_toolbox.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from ignn_toolbox.engine import InterruptHook, SafeCheckpointHook

from .conftest import forked, same, state
from .signals import at

VARIANTS = {
    "plain": {},
    "two workers": {"train_dataloader.num_workers": 2},
    "ema": {"custom_hooks": [dict(type="EMAHook", ema_type="ExponentialMovingAverage")]},
    "accumulation": {"optim_wrapper.accumulative_counts": 2},
    "bf16": {"optim_wrapper.precision": "bf16"},
    "fp16": {"optim_wrapper.precision": "fp16"},
    "guard and clipping": {
        "optim_wrapper.max_ratio": 10.0,
        "optim_wrapper.clip_grad": dict(max_norm=0.1),
    },
    "warm-up and steps": {
        "param_scheduler": [
            dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=3),
            dict(type="MultiStepLR", by_epoch=False, milestones=[5, 6], gamma=0.5),
        ]
    },
    "restarts": {
        "param_scheduler": [
            dict(
                type="CosineRestartLR",
                by_epoch=False,
                periods=[3, 5],
                restart_weights=[1, 0.5],
                eta_min=0.0,
            )
        ]
    },
    "one cycle": {"param_scheduler": [dict(type="OneCycleLR", by_epoch=False, eta_max=1e-3)]},
}


EVERY_SECOND = {"default_hooks.checkpoint.interval": 2}


QUICK = ("plain",)


@pytest.mark.parametrize(
    "variant",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in VARIANTS],
)
def test_a_killed_run_continues_bit_for_bit(train, tmp_path: Path, variant: str) -> None:
    options = VARIANTS[variant]
    train(tmp_path / "whole", options)
    killed = forked(train, tmp_path / "cut", options | at(6, signal.SIGKILL))
    assert killed == -signal.SIGKILL
    assert sorted(p.name for p in (tmp_path / "cut").glob("iter_*")) == ["iter_4.pth"]
    train(tmp_path / "cut", options, resume=True)
    assert same(state(tmp_path / "whole/iter_8.pth"), state(tmp_path / "cut/iter_8.pth"))


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_signal_saves_and_stops(train, tmp_path: Path, number: signal.Signals) -> None:
    train(tmp_path / "whole")
    before = signal.getsignal(number)
    result = train(tmp_path / "cut", at(5, number))
    assert (result.stopped_by, result.iterations) == (number, 6)
    assert signal.getsignal(number) == before
    train(tmp_path / "cut", resume=True)
    assert same(state(tmp_path / "whole/iter_8.pth"), state(tmp_path / "cut/iter_8.pth"))


def test_a_signal_while_processes_agree_is_not_lost(tmp_path: Path, monkeypatch) -> None:
    runner = SimpleNamespace(
        optim_wrapper=SimpleNamespace(should_update=lambda: True),
        train_loop=SimpleNamespace(stop_training=False),
    )
    exchange = dist.all_reduce

    def exchange_and_stop(*args, **kwargs) -> None:
        exchange(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGTERM)

    dist.init_process_group("gloo", f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    hook = InterruptHook()
    hook.before_train(runner)
    try:
        monkeypatch.setattr(dist, "all_reduce", exchange_and_stop)
        hook.after_train_iter(runner, 0)
        assert not runner.train_loop.stop_training
        monkeypatch.setattr(dist, "all_reduce", exchange)
        hook.after_train_iter(runner, 1)
        assert runner.train_loop.stop_training
    finally:
        hook.after_train(runner)
        dist.destroy_process_group()


def test_a_stop_waits_for_accumulated_gradients(train, tmp_path: Path) -> None:
    result = train(tmp_path, at(4, signal.SIGTERM) | {"optim_wrapper.accumulative_counts": 4})
    assert result.iterations == 8


@pytest.mark.slow
def test_a_stop_before_validation_validates_on_resume(train, tmp_path: Path) -> None:
    result = train(tmp_path, at(3, signal.SIGTERM))
    assert (result.iterations, result.metrics) == (4, {})
    assert not list(tmp_path.glob("best_*"))
    train(tmp_path, {"train_cfg.max_iters": 5, "train_cfg.val_interval": 4}, resume=True)
    assert len(list(tmp_path.glob("best_*"))) == 1


@pytest.mark.slow
def test_damaged_and_half_written_files_are_passed_over(train, tmp_path: Path, caplog) -> None:
    whole = train(tmp_path / "whole").work_dir
    cut = train(tmp_path / "cut").work_dir
    data = (cut / "iter_8.pth").read_bytes()
    (cut / "iter_8.pth").write_bytes(data[: len(data) // 2])
    (cut / ".0123abcd.4567cdef.part").write_bytes(data[:100])
    train(cut, resume=True)
    assert not list(cut.glob(".*partial"))
    assert same(state(whole / "iter_8.pth"), state(cut / "iter_8.pth"))


def test_nothing_to_resume_starts_anew(train, tmp_path: Path) -> None:
    assert train(tmp_path, {"train_cfg.max_iters": 1}, resume=True).iterations == 1


def test_another_config_is_refused_with_its_differences(train, tmp_path: Path) -> None:
    train(tmp_path)
    changed = {"optim_wrapper.optimizer.lr": 5e-4, "train_dataloader.num_workers": 1}
    with pytest.raises(ValueError, match=r"optimizer\.lr: 0\.001 -> 0\.0005") as error:
        train(tmp_path, changed, resume=True)
    assert "num_workers" not in str(error.value)
    longer = changed | {"train_cfg.max_iters": 12}
    result = train(tmp_path, longer, resume=True, allow_config_change=True)
    assert result.iterations == 12


def test_an_extended_run_keeps_its_schedule_and_says_so(train, tmp_path: Path, capsys) -> None:
    train(tmp_path)
    result = train(tmp_path, {"train_cfg.max_iters": 10}, resume=True)
    assert result.iterations == 10
    schedule = state(tmp_path / "iter_10.pth")
    assert schedule["/schedules/0/end"] == 8
    logs = "".join(path.read_text() for path in tmp_path.glob("*/*.log"))
    assert "CosineAnnealingLR ends at 8" in logs


def test_weights_alone_cannot_be_resumed(train, tmp_path: Path) -> None:
    train(tmp_path)
    best = next(tmp_path.glob("best_*"))
    with pytest.raises(ValueError, match="holds weights only"):
        train(tmp_path, resume=best)


@pytest.mark.slow
def test_a_late_resume_is_as_quick_as_a_fresh_start(train, tmp_path: Path) -> None:
    steps = dict(_delete_=True, type="MultiStepLR", by_epoch=False, milestones=[250_000])
    long = {"param_scheduler": steps, "train_cfg.val_interval": 500_000}

    def seconds(stop: int, **arguments) -> float:
        started = time.perf_counter()
        options = long | at(stop, signal.SIGTERM) | {"train_cfg.max_iters": 800_000}
        assert train(tmp_path, options, **arguments).iterations == stop + 1
        return time.perf_counter() - started

    fresh = seconds(0)
    content = load_checkpoint(tmp_path / "iter_1.pth")
    content["loop"] |= {"iter": 200_000, "samples_drawn": 400_000}
    save_checkpoint(content, tmp_path / "iter_200000.pth")
    assert seconds(200_000, resume=True) < fresh + 5


class KilledWriter:
    """A file that kills its process once so many bytes were written to it."""

    def __init__(self, file, after: int) -> None:
        self.file, self.left = file, after

    def write(self, data) -> int:
        self.left -= len(data)
        if self.left < 0:
            self.file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.file.write(data)

    def __getattr__(self, name: str):
        return getattr(self.file, name)


_slow = [pytest.param(count, marks=pytest.mark.slow) for count in (0, 20_000)]


@pytest.mark.parametrize("after", [5_000, *_slow])
def test_a_run_killed_while_writing_a_checkpoint_takes_the_one_before(
    train, tmp_path: Path, monkeypatch, after: int
) -> None:
    train(tmp_path / "whole", EVERY_SECOND)
    save = torch.save

    def killed_save(content, file):
        deadly = content["meta"]["iter"] == 6
        save(content, KilledWriter(file, after) if deadly else file)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", killed_save)
        assert forked(train, tmp_path / "cut", EVERY_SECOND) == -signal.SIGKILL
    assert (tmp_path / "cut/iter_4.pth").exists()
    assert not (tmp_path / "cut/iter_6.pth").exists()
    assert list((tmp_path / "cut").glob(".*.part"))
    train(tmp_path / "cut", EVERY_SECOND, resume=True)
    assert not list((tmp_path / "cut").glob(".*.part"))
    assert same(state(tmp_path / "whole/iter_8.pth"), state(tmp_path / "cut/iter_8.pth"))


def test_a_new_learning_rate_is_taken_where_the_change_is_allowed(train, tmp_path: Path) -> None:
    constant = {"param_scheduler": dict(_delete_=True, type="ConstantLR", factor=1, by_epoch=False)}
    train(tmp_path, constant)
    options = constant | {"optim_wrapper.optimizer.lr": 1e-5, "train_cfg.max_iters": 9}
    train(tmp_path, options, resume=True, allow_config_change=True)
    content = load_checkpoint(tmp_path / "iter_9.pth")
    assert content["optimizer"]["param_groups"][0]["lr"] == 1e-5


def test_a_resume_with_another_batch_goes_on_at_the_same_sample(train, tmp_path: Path) -> None:
    train(tmp_path)
    options = {"batch_size": 4, "train_cfg.max_iters": 9}
    train(tmp_path, options, resume=True, allow_config_change=True)
    assert load_checkpoint(tmp_path / "iter_9.pth")["loop"]["samples_drawn"] == 8 * 2 + 4


@pytest.mark.parametrize(
    "name",
    [
        "/{folder}/victim.pth",
        "../victim.pth",
        "sub/best_x.pth",
        "..\\best_x.pth",
        "best_x.pth/../victim.pth",
        "best_../../victim.pth",
        "iter_4.pth",
        "",
        None,
        5,
    ],
)
def test_the_best_file_of_a_checkpoint_is_a_bare_name(tmp_path, name) -> None:
    victim = tmp_path / "victim.pth"
    victim.touch()
    best = {"score": -1.0, "file": name.format(folder=tmp_path) if isinstance(name, str) else name}
    hook = SafeCheckpointHook()
    runner = SimpleNamespace(_resume=True)
    with pytest.raises(CheckpointError, match=r"entry `best` is .* best_\*\.pth"):
        hook.after_load_checkpoint(runner, {"best": best})
    assert hook.best is None
    assert victim.exists()


@pytest.mark.parametrize(
    "best",
    [
        [],
        "x",
        {"score": float("nan"), "file": "best_x.pth"},
        {"score": "30", "file": "best_x.pth"},
        {"file": "best_x.pth"},
    ],
)
def test_nonsense_about_the_best_is_refused(best) -> None:
    with pytest.raises(CheckpointError, match="entry `best`"):
        SafeCheckpointHook().after_load_checkpoint(SimpleNamespace(_resume=True), {"best": best})


def test_a_hostile_best_stops_a_resume_and_removes_nothing(train, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch()
    train(tmp_path / "run", {"train_cfg.max_iters": 4})
    path = tmp_path / "run" / "iter_4.pth"
    save_checkpoint(load_checkpoint(path) | {"best": {"score": -1.0, "file": str(victim)}}, path)
    with pytest.raises(CheckpointError, match="entry `best`"):
        train(tmp_path / "run", resume=path)
    assert victim.exists()
