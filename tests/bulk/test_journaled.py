"""A run goes on where a dead process left it: nothing twice, nothing lost, poison set aside."""

import json
import multiprocessing
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from ignn_toolbox.bulk import run as run_module
from ignn_toolbox.bulk.journal import DONE, FAILED, SKIPPED, Journal, StopRun
from ignn_toolbox.bulk.journaled import JournaledRun
from ignn_toolbox.bulk.run import WriteOptions
from ignn_toolbox.bulk.worklist import OutputRules, plan_jobs
from ignn_toolbox.restore import SRInferencer
from ignn_toolbox.restore.target import Target


def draw(path, value):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(path)


@pytest.fixture
def make(tmp_path, nearest_restorer):
    """Makes a run over 12 pictures, as a new process would; returns it with its jobs."""
    for index in range(12):
        draw(tmp_path / "in" / f"{index:02}.png", index)

    def run(**changes):
        out = tmp_path / "out"
        jobs = plan_jobs([str(tmp_path / "in")], str(out), OutputRules()).jobs
        journal = Journal(out / ".ignn_journal", len(jobs))
        continued = journal.claim({})
        loaded = []

        def load(sharing):
            loaded.append(sharing)
            return SRInferencer(nearest_restorer, device="cpu")

        run = JournaledRun(
            journal, out, load, **({"target": Target(), "continued": continued} | changes)
        )
        return run, dict(enumerate(jobs)), loaded

    return run


def work(run, jobs, tell=lambda text: None):
    return {o.job.number: o.status for o in run.work(jobs, range(run.journal.parts), tell)}


def in_a_process(run, jobs):
    """Works in a process of its own; returns its exit status."""
    process = multiprocessing.get_context("fork").Process(target=work, args=(run, jobs))
    process.start()
    process.join(60)
    return process.exitcode


def dying(monkeypatch, module, name, fatal):
    """Has a process die when the function meets an argument that ``fatal`` accepts."""
    real = getattr(module, name)

    def deadly(*args):
        if any(fatal in str(arg) for arg in args):
            os._exit(9)
        return real(*args)

    monkeypatch.setattr(module, name, deadly)


def shown(job):
    return np.unique(np.asarray(Image.open(job.target))).tolist()


def test_a_second_start_does_nothing_twice(make):
    run, jobs, loaded = make()
    assert work(run, jobs) == dict.fromkeys(range(12), DONE)
    assert loaded == [1]
    again, jobs, loaded = make()
    assert work(again, jobs) == {}
    assert loaded == [], "no model is loaded where there is nothing to do"
    assert again.tally() == ({DONE: 12, "open": 0}, [])


def test_an_output_that_was_changed_or_removed_is_made_again_and_said(make):
    run, jobs, _ = make()
    work(run, jobs)
    jobs[3].target.unlink()
    jobs[5].target.write_bytes(b"short")
    with jobs[7].target.open("rb+") as file:
        file.write(b"abcd")  # as long as before
    os.utime(jobs[8].target)  # a mere touch
    told = []
    assert run.tally()[0] == {DONE: 11, FAILED: 1, "open": 0}, "one is gone"
    assert work(run, jobs, told.append) == {3: DONE, 5: DONE, 7: DONE}
    assert [text.partition(" since it was written")[0] for text in told] == [
        f"{jobs[3].target} was removed",
        f"{jobs[5].target} was changed",
        f"{jobs[7].target} was changed",
    ]
    assert [shown(jobs[number]) for number in (3, 5, 7)] == [[3], [5], [7]]
    assert work(run, jobs) == {}


def test_an_input_that_was_changed_is_restored_again_and_said(make):
    run, jobs, _ = make()
    work(run, jobs)
    shutil.copy2(jobs[1].source, jobs[0].source)  # with the other's time, which is earlier
    os.utime(jobs[2].source)
    told = []
    assert work(run, jobs, told.append) == {0: DONE}
    (text,) = told
    assert text.startswith(f"{jobs[0].source} was changed since it was restored")
    assert shown(jobs[0]) == [1]
    assert work(run, jobs) == {}
    jobs[4].source.unlink()
    assert work(run, jobs) == {}, "what is done needs its input no more"


def test_an_input_that_becomes_unreadable_and_is_mended(make):
    run, jobs, _ = make()
    work(run, jobs)
    jobs[0].source.write_bytes(b"no picture")
    assert work(run, jobs) == {0: FAILED}
    assert work(run, jobs) == {}
    draw(jobs[0].source, 200)
    assert work(run, jobs) == {0: DONE}, "without --retry-failed, and over the earlier output"
    assert shown(jobs[0]) == [200]


def test_files_that_are_there_already_are_kept_unless_asked(make):
    run, jobs, _ = make()
    jobs[2].target.write_bytes(b"mine")
    assert work(run, jobs)[2] == FAILED
    assert "--skip-existing" in run.tally()[1][0]
    skipping, jobs, _ = make(options=WriteOptions(skip_existing=True))
    assert work(skipping, jobs) == {}, "what failed is not tried again"
    skipping, jobs, _ = make(options=WriteOptions(skip_existing=True), retry_failed=True)
    assert work(skipping, jobs) == {2: SKIPPED}
    assert jobs[2].target.read_bytes() == b"mine"
    assert skipping.tally()[0] == {DONE: 11, SKIPPED: 1, "open": 0}


def test_a_picture_that_kills_its_process_is_set_aside(make, monkeypatch):
    dying(monkeypatch, run_module, "decode_picture", "07.png")
    for _ in range(3):  # in company, alone, alone
        run, jobs, _ = make()
        assert in_a_process(run, jobs) == 9
    run, jobs, _ = make()
    assert 7 in work(run, jobs)
    counts, failures = run.tally()
    assert counts == {DONE: 11, FAILED: 1, "open": 0}
    assert "07.png: the process died 2 times while it worked on this alone" in failures[0]
    monkeypatch.undo()
    run, jobs, _ = make(retry_failed=True)
    assert work(run, jobs) == {7: DONE}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_death_around_the_renaming_of_an_output_loses_and_repeats_nothing(
    make, monkeypatch, moment
):
    real = os.replace

    def deadly(source, target):
        if moment == "after":
            real(source, target)
        if target.name == "04.png":
            os._exit(9)
        real(source, target) if moment == "before" else None

    monkeypatch.setattr(os, "replace", deadly)
    run, jobs, _ = make()
    assert in_a_process(run, jobs) == 9
    monkeypatch.undo()
    run, jobs, _ = make()
    assert jobs[4].target.exists() == (moment == "after")
    stamp = jobs[4].target.stat().st_mtime_ns if moment == "after" else None
    outcomes = work(run, jobs)
    assert (4 in outcomes) == (moment == "before")
    assert moment == "before" or jobs[4].target.stat().st_mtime_ns == stamp
    assert run.tally()[0] == {DONE: 12, "open": 0}
    assert not list(jobs[4].target.parent.glob(".*.part"))
    assert run.journal.begun() == {}


def test_an_output_whose_record_is_lost_is_known_by_its_content(make):
    run, jobs, _ = make()
    work(run, jobs)
    for number in (1, 2):
        path = run.journal.folder / f"part-{number:04}.jsonl"
        path.write_bytes(path.read_bytes().replace(b"done", b"dome"))
    (run.journal.folder / "part-0003.jsonl").unlink()
    run, jobs, _ = make()
    jobs[2].target.write_bytes(b"of somebody else")
    before = jobs[1].target.stat().st_mtime_ns
    assert work(run, jobs) == {1: DONE, 2: FAILED, 3: DONE}
    assert jobs[1].target.stat().st_mtime_ns == before
    assert jobs[2].target.read_bytes() == b"of somebody else"
    assert "exists" in run.tally()[1][0]
    assert work(run, jobs) == {}


def test_stopping_early_leaves_no_suspicion(make):
    run, jobs, _ = make()
    outcomes = run.work(jobs, range(run.journal.parts))
    next(outcomes)
    outcomes.close()
    assert run.journal.begun() == {}
    run, jobs, _ = make()
    work(run, jobs)
    assert run.tally()[0] == {DONE: 12, "open": 0}


def test_faults_are_recorded_once(make):
    run, jobs, _ = make()
    jobs[3].source.unlink()
    assert work(run, jobs)[3] == FAILED
    before = (run.journal.folder / "part-0003.jsonl").read_bytes()
    assert work(run, jobs) == {}
    assert (run.journal.folder / "part-0003.jsonl").read_bytes() == before
    assert json.loads(before)["status"] == FAILED


def test_an_output_folder_that_vanishes_stops_the_run_and_is_begun_anew(make, tmp_path):
    run, jobs, _ = make()
    outcomes = run.work(jobs, range(run.journal.parts))
    next(outcomes)
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    with pytest.raises(StopRun, match=r"output folder .*out was removed or replaced"):
        list(outcomes)
    assert not (tmp_path / "out").exists()
    run, jobs, _ = make()
    assert work(run, jobs) == dict.fromkeys(range(12), DONE)
