"""The journal: parts, replay of what a process told before it died, one run, one writer."""

import json

import pytest

from ignn_toolbox.bulk.journal import DROPPED, OPEN, STARTED, WRITING, Journal, Part
from ignn_toolbox.bulk.run import DONE, FAILED, LedgerError

RUN = {"about": {"begun": "now"}, "model": {"weights": "ab"}, "pictures": {"count": 2, "list": "c"}}


@pytest.mark.parametrize("total", [1, 2, 200, 1023, 1024, 1025, 5000, 1_000_000])
def test_parts_cover_every_picture_once_and_are_of_equal_length(tmp_path, total):
    journal = Journal(tmp_path, total)
    ranges = [journal.numbers(part) for part in range(journal.parts)]
    assert [number for numbers in ranges for number in numbers] == list(range(total))
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1
    for part in (0, journal.parts // 2, journal.parts - 1):
        assert {journal.part_of(number) for number in ranges[part]} == {part}


def history(folder, *events, number=0):
    part = Part(folder / "part")
    for state, details in events:
        part.append(number, state, **details)
    part.close()
    part = Part(folder / "part")
    part.close()
    return part.histories[number]


def test_a_picture_without_an_end_was_interrupted(tmp_path):
    assert history(tmp_path, (STARTED, {})).interrupted
    assert history(tmp_path, (WRITING, {"crc32": 1})).interrupted
    assert not history(tmp_path, (DONE, {})).interrupted
    assert not history(tmp_path, (STARTED, {}), (DROPPED, {})).interrupted


def test_only_deaths_over_a_picture_alone_count(tmp_path):
    alone = {"alone": True}
    assert history(tmp_path, (STARTED, {})).deaths == 0
    assert history(tmp_path, (STARTED, alone)).deaths == 1
    assert history(tmp_path, (STARTED, alone), (WRITING, {"crc32": 1})).deaths == 2
    assert history(tmp_path, (FAILED, {"reason": "bad"})).deaths == 0
    assert history(tmp_path, (STARTED, alone), (DROPPED, {})).deaths == 0


def test_what_is_done_is_not_undone_by_a_late_drop(tmp_path):
    assert history(tmp_path, (DONE, {"bytes": 5}), (DROPPED, {})).state == DONE


def test_a_line_cut_short_by_death_is_passed_over(tmp_path):
    path = tmp_path / "part"
    history(tmp_path, (DONE, {"bytes": 5}))
    with path.open("ab") as file:
        file.write(b'{"picture": 0, "state": "fai')
    assert history(tmp_path, (STARTED, {}), number=1).interrupted
    assert [len(line) > 0 for line in path.read_bytes().split(b"\n")][:3] == [True] * 3
    part = Part(path)
    part.close()
    assert part.histories[0].state == DONE


def test_a_part_has_one_writer(tmp_path):
    part = Part(tmp_path / "part")
    with pytest.raises(LedgerError, match="another process is at work on this run"):
        Part(tmp_path / "part")
    part.close()
    Part(tmp_path / "part").close()


def test_counts_add_up(tmp_path):
    journal = Journal(tmp_path, 5)
    for number, state in enumerate((DONE, FAILED, "skipped", STARTED)):
        part = Part(journal.path(journal.part_of(number)))
        part.append(number, state, reason="bad")
        part.close()
    counts, failures = journal.tally()
    assert counts == {DONE: 1, FAILED: 1, "skipped": 1, OPEN: 2}
    assert failures == ["bad"]


def test_another_run_is_refused_and_the_difference_named(tmp_path):
    journal = Journal(tmp_path, 2)
    journal.claim(RUN)
    journal.claim(RUN | {"about": {"begun": "later"}})
    for other, difference in (
        (RUN | {"model": {"weights": "cd"}}, "model weights: ab then, cd now"),
        (RUN | {"pictures": {"count": 3, "list": "d"}}, "pictures count: 2 then, 3 now"),
        (RUN | {"options": {"amp": True}}, "options amp: not given then, True now"),
    ):
        with pytest.raises(ValueError, match=f"journal of another run .*{difference}") as caught:
            journal.claim(other)
        assert f"remove {tmp_path} to begin anew" in str(caught.value)
    assert json.loads((tmp_path / "run.json").read_text())["model"] == {"weights": "ab"}


def test_a_damaged_journal_is_named(tmp_path):
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"run.json is damaged"):
        Journal(tmp_path, 2).claim(RUN)


def test_a_full_disk_stops_the_run(tmp_path, monkeypatch):
    import os

    part = Part(tmp_path / "part")
    monkeypatch.setattr(os, "write", lambda file, data: len(data) - 1)
    with pytest.raises(LedgerError, match="cannot be written: the disk is full"):
        part.append(0, DONE)
    part.close()
