"""Bulk runs in several processes: killed, continued, poisoned, and each good file done once."""

import collections
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ignn_toolbox.files import locked
from ignn_toolbox.restore import SRInferencer

COUNT, CORRUPT = 200, "in/7/077.png"


@pytest.fixture
def folder(tmp_path):
    """200 small pictures in two levels of folders, one of them corrupt."""
    rng = np.random.default_rng(0)
    for index in range(COUNT):
        path = tmp_path / "in" / str(index % 10) / f"{index:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 40, 3)).astype(np.uint8)).save(path)
    (tmp_path / CORRUPT).write_bytes((tmp_path / CORRUPT).read_bytes()[:2000])
    return tmp_path


class Run:
    """``ignn upscale in -o out`` in a process group of its own."""

    def __init__(self, folder, model, *words, launcher=()):
        command = [sys.executable, "-m", *launcher, "ignn_toolbox", "upscale", "in", "-o", "out"]
        command += ["--model", model, "--device", "cpu", *words]
        checkout = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join([checkout, os.environ.get("PYTHONPATH", "")])
        self.out = folder / "out"
        self.process = subprocess.Popen(
            list(map(str, command)),
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, count, workers):
        """Waits until so many pictures are done, by so many workers; gives a worker's pid."""
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.stderr.read()
            done = [record for record in records(self.out) if record["status"] == "done"]
            pids = [record["worker"].split(":")[1] for record in done]
            if len(done) >= count and len(set(pids)) >= workers:
                return int(pids[-1])
            time.sleep(0.02)
        raise AssertionError("the run did not get that far")

    def finish(self):
        _, err = self.process.communicate(timeout=280)
        return self.process.returncode, err


def torchrun(processes, restarts):
    options = ["--standalone", "--nproc-per-node", processes, "--max-restarts", restarts, "-m"]
    return ["torch.distributed.run", *options]


def records(out):
    for path in sorted((out / ".ignn_journal").glob("part-*.jsonl")):
        for line in filter(None, path.read_text().split("\n")):
            try:
                yield json.loads(line)
            except ValueError:  # it is just being written, or its writer was killed
                continue


def statuses(out):
    """How often each end was told of each input."""
    return collections.Counter((record["status"], record["input"]) for record in records(out))


def stamps(out):
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in out.rglob("*.png")}


def assert_done_once(folder, model):
    """Every good file has one record of its end, its output, and nothing else is there."""
    names = [f"in/{index % 10}/{index:03}.png" for index in range(COUNT)]
    told = statuses(folder / "out")
    good = [name for name in names if name != CORRUPT]
    assert {told["done", name] for name in good} == {1}
    assert told["failed", CORRUPT] == 1
    assert not [name for name in good if told["failed", name]]
    written = {path.relative_to(folder / "out") for path in (folder / "out").rglob("*.png")}
    assert written == {Path(name).relative_to("in") for name in good}
    assert not list((folder / "out").rglob("*.part"))
    assert not list((folder / "out" / ".ignn_journal" / "begun").iterdir())
    inferencer = SRInferencer(model, device="cpu")
    for name in good[::40]:
        (wanted,) = inferencer(folder / name)
        made = np.asarray(Image.open(folder / "out" / Path(name).relative_to("in")))
        np.testing.assert_array_equal(made, wanted)


def assert_summary(status, err):
    assert status == 1, err
    assert "200 pictures: 199 restored" in err, err
    assert ", 1 failed" in err
    assert f"failed: {CORRUPT} is truncated or damaged" in err


@pytest.fixture
def upscale(cli, tiny_checkpoint, tmp_path, monkeypatch):
    """Runs ``ignn upscale in -o out --journal`` on three pictures, in this process."""
    for name in "abc":
        path = tmp_path / "in" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(path)
    monkeypatch.chdir(tmp_path)

    def run(*words, model=tiny_checkpoint):
        return cli("upscale", "--model", model, "--device", "cpu", *words)

    return run


JOURNALED = ("in", "-o", "out", "--journal")


def test_journal_of_another_run_is_refused_and_left_as_it_was(upscale, tmp_path):
    assert upscale(*JOURNALED)[0] == 0
    before = stamps(tmp_path / "out"), list(records(tmp_path / "out"))
    for words, difference in (
        (("--amp",), "options amp: False then, True now"),
        (("--factor", 3), "options factor: None then, 3.0 now"),
        (("--suffix", "_2"), "pictures list: "),
    ):
        status, _, err = upscale(*words, *JOURNALED)
        assert status == 1
        assert "is the journal of another run" in err
        assert difference in err
        assert "remove out/.ignn_journal to begin anew" in err
    status, _, err = upscale(*JOURNALED, model="bicubic_x2")
    assert status == 1
    assert "model weights: " in err
    assert upscale(*JOURNALED, "--tile", 64, "--max-pixels", 1000)[0] == 0, "the results are equal"
    Image.new("RGB", (16, 16)).save(tmp_path / "in" / "d.png")
    assert "pictures count: 3 then, 4 now" in upscale(*JOURNALED)[2]
    assert (stamps(tmp_path / "out"), list(records(tmp_path / "out"))) == before


def test_what_was_changed_since_is_restored_again_and_said(upscale, tmp_path, tiny_checkpoint):
    assert upscale(*JOURNALED)[0] == 0
    Image.new("RGB", (16, 16), "red").save(tmp_path / "in" / "a.png")
    with (tmp_path / "out" / "b.png").open("rb+") as file:
        file.write(b"\0\0\0\0")
    (tmp_path / "out" / "c.png").unlink()
    status, _, err = upscale(*JOURNALED)
    assert status == 0
    assert err.splitlines() == [
        "ignn upscale: in/a.png was changed since it was restored; it is restored again",
        "ignn upscale: out/b.png was changed since it was written; in/b.png is restored again",
        "ignn upscale: out/c.png was removed since it was written; in/c.png is restored again",
        f"ignn upscale: {tiny_checkpoint} restores, on cpu",
        "3 pictures: 3 restored",
    ]
    wanted = SRInferencer(tiny_checkpoint, device="cpu")(tmp_path / "in" / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), *wanted)
    assert upscale(*JOURNALED)[2] == "3 pictures: 3 restored (3 of them earlier)\n"


def test_a_second_start_is_refused_while_one_is_at_work(upscale, tmp_path):
    assert upscale(*JOURNALED)[0] == 0
    with locked(tmp_path / "out" / ".ignn_journal" / "lock"):
        status, _, err = upscale(*JOURNALED)
    assert status == 1
    assert "another process is at work on this run" in err
    assert upscale(*JOURNALED)[0] == 0


def test_what_is_passed_over_is_said(upscale, tmp_path):
    (tmp_path / "in" / "d.gif").write_bytes(b"")
    (tmp_path / "in" / "up").symlink_to(tmp_path / "in")
    for words in (JOURNALED, ("in", "-o", "other")):
        status, _, err = upscale(*words)
        assert status == 0
        assert err.startswith(
            "ignn upscale: passed over in in: 1 file of other kinds (1 .gif), in/up (a linked "
            "folder that leads back into itself)\n"
        )


def test_an_output_that_vanishes_is_an_error_without_a_journal_too(upscale, tmp_path, monkeypatch):
    real = os.replace

    def lose(source, target):
        real(source, target)
        if target.name == "b.png":
            target.unlink()

    monkeypatch.setattr(os, "replace", lose)
    for words in (("in", "-o", "plain"), JOURNALED):
        status, _, err = upscale(*words)
        assert status == 1
        assert "3 pictures: 2 restored, 1 failed\n  failed: " in err
        assert "b.png was written and is gone" in err


def test_shared_outputs_are_refused_before_anything_runs(upscale, tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "in" / "a.jpg")
    for words in (JOURNALED, JOURNALED[:-1]):
        status, _, err = upscale(*words, "--format", "webp")
        assert status == 1
        assert "nothing was done" in err
        assert "out/a.webp from in/a.jpg and from in/a.png" in err
        assert not (tmp_path / "out").exists()


def test_list_is_read_or_named(upscale, tmp_path):
    (tmp_path / "names.txt").write_text("b.png\nc.png\n")
    words = ("--list", "names.txt", "-o", "out")
    assert upscale(*words, "--root", "in")[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.png", "c.png"]
    status, _, err = upscale("--list", "none.txt", "-o", "out")
    assert status == 1
    assert err == "ignn upscale: error: the list none.txt does not exist\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("in/a.png", "-o", "b.png", "--journal"), "writes into a folder"),
        (("in/a.png", "-o", "-", "--journal"), "go without a journal"),
        (("in", "-o", "out", "--workers", "2"), "--workers belongs to --engine ray"),
        (("in", "-o", "out", "--engine", "ray", "--workers", "0"), "must be 1 or more"),
        (("in", "-o", "out", "--root", "in"), "--root belongs to --list"),
        (("in", "-o", "out", "--retry-failed"), "add --journal"),
        (("-o", "out"), "name pictures or folders"),
    ],
)
def test_options_that_do_not_fit_are_named(upscale, words, message):
    status, _, err = upscale(*words)
    assert status == 1
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_model_without_weights_is_refused(upscale, tmp_path):
    network = "dict(type='EDSR', scale=2, channels=8, num_blocks=2)"
    (tmp_path / "fresh.py").write_text(f"model = dict(type='Restorer', network={network})\n")
    status, _, err = upscale(*JOURNALED, model="fresh.py")
    assert status == 1
    assert "every process would draw its own" in err


def test_ray_is_asked_for_by_name_of_its_extra(upscale, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    status, _, err = upscale("in", "-o", "out", "--engine", "ray")
    assert status == 1
    assert err.endswith('--engine ray needs Ray: pip install "ignn_toolbox[ray]"\n')


def test_ray_within_torchrun_is_refused(upscale, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    status, _, err = upscale("in", "-o", "out", "--engine", "ray")
    assert status == 1
    assert "run it without torchrun" in err


@pytest.mark.slow
def test_torchrun_goes_on_when_a_worker_is_killed(folder, tiny_checkpoint):
    run = Run(folder, tiny_checkpoint, launcher=torchrun(2, 1))
    victim = run.wait_for(30, workers=2)
    os.kill(victim, signal.SIGKILL)
    before = stamps(folder / "out")
    assert 30 <= len(before) < COUNT - 1
    assert_summary(*run.finish())
    assert_done_once(folder, tiny_checkpoint)
    after = stamps(folder / "out")
    assert {path: after[path] for path in before} == before


@pytest.mark.slow
def test_a_run_killed_as_a_whole_is_continued_by_another_number_of_processes(
    folder, tiny_checkpoint, cli, monkeypatch
):
    run = Run(folder, tiny_checkpoint, launcher=torchrun(2, 0))
    run.wait_for(30, workers=2)
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    workers = {int(record["worker"].split(":")[1]) for record in records(run.out)}
    for worker in workers:  # torchrun gives each a session of its own
        try:
            os.kill(worker, signal.SIGKILL)
        except ProcessLookupError:
            continue
    time.sleep(0.5)
    assert len(stamps(run.out)) < COUNT - 1
    run = Run(folder, tiny_checkpoint, "--journal")
    status, err = run.finish()
    assert_summary(status, err)
    assert "of them earlier" in err
    assert_done_once(folder, tiny_checkpoint)
    monkeypatch.chdir(folder)
    before = list(records(run.out))
    words = ("upscale", "in", "-o", "out", "--journal", "--device", "cpu")
    assert_summary(*cli(*words, "--model", tiny_checkpoint)[::2])
    assert list(records(run.out)) == before


@pytest.mark.extras
def test_ray_goes_on_when_an_actor_is_killed(folder, tiny_checkpoint, extra):
    extra("ray")
    run = Run(folder, tiny_checkpoint, "--engine", "ray", "--workers", 2)
    victim = run.wait_for(30, workers=2)
    os.kill(victim, signal.SIGKILL)
    before = stamps(folder / "out")
    assert len(before) < COUNT - 1
    status, err = run.finish()
    assert_summary(status, err)
    assert_done_once(folder, tiny_checkpoint)
    after = stamps(folder / "out")
    assert {path: after[path] for path in before} == before
    assert len({record["worker"] for record in records(run.out)}) >= 3
    told = [line for line in err.splitlines() if not line.startswith("upscale on Ray: ")]
    assert len(told) == 3, "Ray is quiet"
