"""One bad file stops no other; work overlaps; what vanishes is noticed; nothing is half-written."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from ignn_toolbox.bulk import run as run_module
from ignn_toolbox.bulk.journal import StopRun
from ignn_toolbox.bulk.run import DONE, FAILED, run_jobs
from ignn_toolbox.bulk.worklist import Job, OutputFolder, OutputRules, plan_jobs
from ignn_toolbox.images import read_image, write_image
from ignn_toolbox.restore import SRInferencer
from ignn_toolbox.restore.target import Target


@pytest.fixture
def start(tmp_path, nearest_restorer):
    """Starts a plain run over what lies in the folder ``in``."""

    def run():
        worklist = plan_jobs([str(tmp_path / "in")], str(tmp_path / "out"), OutputRules())
        folder = OutputFolder(worklist.folder)
        folder.prepare()
        inferencer = SRInferencer(nearest_restorer, device="cpu")
        return run_jobs(worklist.jobs, inferencer, Target(), folder=folder)

    return run


def draw(folder, *names):
    for name in names:
        write_image(folder / "in" / name, np.zeros((20, 20, 3), np.uint8))


def test_unreadable_file_is_reported_and_the_rest_is_done(tmp_path, start, monkeypatch):
    draw(tmp_path, "closed.png", "open.png")
    read = Path.read_bytes

    def refuse(self):
        if self.name == "closed.png":
            raise PermissionError(13, "Permission denied", str(self))
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    closed, opened = start()
    assert (closed.status, opened.status) == (FAILED, DONE)
    assert "Permission denied" in closed.message
    assert "closed.png" in closed.message
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["open.png"]


def test_file_that_vanishes_is_reported(tmp_path, start):
    draw(tmp_path, *[f"{index}.png" for index in range(6)])
    outcomes = start()
    first = next(outcomes)
    (tmp_path / "in" / "5.png").unlink()
    statuses = [first.status, *[outcome.status for outcome in outcomes]]
    assert statuses == [DONE] * 5 + [FAILED]


def test_stopping_early_leaves_whole_files_only(tmp_path, start):
    draw(tmp_path, *[f"{index}.png" for index in range(8)])
    outcomes = start()
    next(outcomes)
    outcomes.close()
    written = list((tmp_path / "out").iterdir())
    assert 1 <= len(written) < 8
    for path in written:
        np.testing.assert_array_equal(read_image(path), np.zeros((40, 40, 3), np.uint8))


def test_reading_computing_and_writing_overlap(tmp_path, start, monkeypatch):
    count = 5
    draw(tmp_path, *[f"{index}.png" for index in range(count)])
    read = [threading.Event() for _ in range(count + 1)]
    computed = [threading.Event() for _ in range(count + 1)]
    read[count].set(), computed[count].set()
    numbers = {step: iter(range(count)) for step in ("read", "compute", "write")}

    def stepwise(real, step, begin, wait_for):
        """Has a step wait until that of the next picture which it should not hold up has begun."""

        def deliberate(*args):
            number = next(numbers[step])
            if begin:
                begin[number].set()
            assert wait_for is None or wait_for[number + 1].wait(30)
            return real(*args)

        return deliberate

    restore = SRInferencer.restore_picture
    for owner, name, wrapped in (
        (run_module, "decode_picture", stepwise(run_module.decode_picture, "read", read, None)),
        (SRInferencer, "restore_picture", stepwise(restore, "compute", computed, read)),
        (run_module, "encode_picture", stepwise(run_module.encode_picture, "write", [], computed)),
    ):
        monkeypatch.setattr(owner, name, wrapped)
    assert [outcome.status for outcome in start()] == [DONE] * count


@pytest.mark.parametrize("replaced", [False, True])
def test_an_output_folder_that_vanishes_is_an_error_and_not_made_anew(tmp_path, start, replaced):
    draw(tmp_path, *[f"{index}.png" for index in range(9)])
    outcomes = start()
    next(outcomes)
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    if replaced:
        (tmp_path / "out").mkdir()
    with pytest.raises(StopRun, match=r"output folder .*out was removed or replaced"):
        list(outcomes)
    assert not replaced or not list((tmp_path / "out").iterdir())
    assert replaced or not (tmp_path / "out").exists()


def test_folders_inside_the_output_are_made_as_needed(tmp_path, start):
    draw(tmp_path, "a/b/c/0.png", "1.png")
    assert [outcome.status for outcome in start()] == [DONE, DONE]
    assert (tmp_path / "out/a/b/c/0.png").exists()


def test_what_is_no_file_is_named_and_not_waited_for(tmp_path, nearest_restorer):
    os.mkfifo(tmp_path / "pipe.png")
    jobs = [Job(path, tmp_path / "x.png") for path in (tmp_path / "pipe.png", Path("/dev/zero"))]
    inferencer = SRInferencer(nearest_restorer, device="cpu")
    pipe, zero = run_jobs(jobs, inferencer, Target(), folder=OutputFolder(tmp_path))
    assert "pipe.png is a FIFO (named pipe), not a picture file" in pipe.message
    assert "/dev/zero is a character device, not a picture file" in zero.message


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_closed_standard_streams_are_named(tmp_path, nearest_restorer, monkeypatch, stream):
    draw(tmp_path, "a.png")
    monkeypatch.setattr(f"sys.{stream}", None)
    job = Job(None if stream == "stdin" else tmp_path / "in" / "a.png", None, "png")
    (outcome,) = run_jobs([job], SRInferencer(nearest_restorer, device="cpu"), Target())
    words = {"stdin": "standard input is closed", "stdout": "standard output is closed"}
    assert words[stream] in outcome.message
