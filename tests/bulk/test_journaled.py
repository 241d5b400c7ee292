"""A run goes on where a dead process left it: nothing twice, nothing lost, poison set aside."""

import multiprocessing
import os
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from ignn_toolbox.bulk import run as bulk
from ignn_toolbox.bulk.journal import Journal
from ignn_toolbox.bulk.journaled import JournaledRun
from ignn_toolbox.bulk.run import DONE, FAILED, SKIPPED, WriteOptions
from ignn_toolbox.bulk.worklist import OutputRules, plan_jobs
from ignn_toolbox.files import write_whole
from ignn_toolbox.restore import SRInferencer
from ignn_toolbox.restore.inferencer import Target


@pytest.fixture
def make(tmp_path, nearest_restorer):
    """Makes a run over 12 pictures, as a new process would; returns it with its jobs."""
    for index in range(12):
        path = tmp_path / "in" / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            Image.fromarray(np.full((8, 8, 3), index, np.uint8)).save(path)

    def run(**changes):
        jobs = plan_jobs([str(tmp_path / "in")], str(tmp_path / "out"), OutputRules())
        journal = Journal(tmp_path / "out" / ".ignn_journal", len(jobs))
        loaded = []

        def load(sharing):
            loaded.append(sharing)
            return SRInferencer(nearest_restorer, device="cpu")

        return JournaledRun(journal, load, **changes), dict(enumerate(jobs)), loaded

    return run


def work(run, jobs):
    return {o.job.number: o.status for o in run.work(jobs, range(run.journal.parts))}


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


def test_a_second_start_does_nothing_twice(make):
    run, jobs, loaded = make()
    assert work(run, jobs) == dict.fromkeys(range(12), DONE)
    assert loaded == [1]
    again, jobs, loaded = make()
    assert work(again, jobs) == {}
    assert loaded == [], "no model is loaded where there is nothing to do"
    jobs[3].target.unlink()
    jobs[5].target.write_bytes(b"short")
    overwriting, jobs, _ = make(options=WriteOptions(overwrite=True))
    assert work(overwriting, jobs) == {3: DONE, 5: DONE}


def test_files_that_are_there_already_are_kept_unless_asked(make, tmp_path):
    run, jobs, _ = make()
    jobs[2].target.parent.mkdir()
    jobs[2].target.write_bytes(b"mine")
    assert work(run, jobs)[2] == FAILED
    assert "--skip-existing" in run.journal.tally()[1][0]
    skipping, jobs, _ = make(options=WriteOptions(skip_existing=True))
    assert work(skipping, jobs) == {}, "what failed is not tried again"
    skipping, jobs, _ = make(options=WriteOptions(skip_existing=True), retry_failed=True)
    assert work(skipping, jobs) == {2: SKIPPED}
    assert jobs[2].target.read_bytes() == b"mine"
    assert skipping.journal.tally()[0] == {DONE: 11, SKIPPED: 1}


def test_a_picture_that_kills_its_process_is_set_aside(make, monkeypatch):
    dying(monkeypatch, bulk, "read_picture", "07.png")
    for _ in range(3):  # in company, alone, alone
        run, jobs, _ = make()
        assert in_a_process(run, jobs) == 9
    run, jobs, _ = make()
    assert 7 in work(run, jobs)
    counts, failures = run.journal.tally()
    assert counts == {DONE: 11, FAILED: 1}
    assert "07.png: the process died 2 times while it worked on this alone" in failures[0]
    monkeypatch.undo()
    run, jobs, _ = make(retry_failed=True)
    assert work(run, jobs) == {7: DONE}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_death_around_the_renaming_of_an_output_loses_and_repeats_nothing(
    make, monkeypatch, moment
):
    if moment == "before":
        dying(monkeypatch, bulk, "write_new", "04.png")
    else:
        real = bulk.write_new

        def write_and_die(data, target, overwrite):
            real(data, target, overwrite)
            if target.name == "04.png":
                os._exit(9)

        monkeypatch.setattr(bulk, "write_new", write_and_die)
    run, jobs, _ = make()
    assert in_a_process(run, jobs) == 9
    monkeypatch.undo()
    run, jobs, _ = make()
    assert jobs[4].target.exists() == (moment == "after")
    stamp = jobs[4].target.stat().st_mtime_ns if moment == "after" else None
    with suppress(KeyError), write_whole(jobs[5].target) as partial:
        raise KeyError
    partial.write_bytes(b"half")
    outcomes = work(run, jobs)
    assert outcomes[4] == DONE
    assert moment == "before" or jobs[4].target.stat().st_mtime_ns == stamp
    assert run.journal.tally()[0] == {DONE: 12}
    assert not list(jobs[5].target.parent.glob(".*.part"))


def test_stopping_early_leaves_no_suspicion(make):
    run, jobs, _ = make()
    outcomes = run.work(jobs, range(run.journal.parts))
    next(outcomes)
    outcomes.close()
    histories = [run.journal.histories(part) for part in range(run.journal.parts)]
    assert not [h for part in histories for h in part.values() if h.interrupted]
    run, jobs, _ = make()
    work(run, jobs)
    assert run.journal.tally()[0] == {DONE: 12}


def test_faults_are_recorded_once(make, tmp_path):
    run, jobs, _ = make(target=Target(factor=3))
    missing = tmp_path / "in" / "03.png"
    missing.unlink()
    assert work(run, jobs)[3] == FAILED
    size = run.journal.path(run.journal.part_of(3)).stat().st_size
    assert work(run, jobs) == {}
    assert run.journal.path(run.journal.part_of(3)).stat().st_size == size
