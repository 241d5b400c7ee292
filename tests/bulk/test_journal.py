"""The journal: parts, records taken or passed over, one run, stamps that notice changes."""

import json
import os
from dataclasses import asdict

import pytest

from ignn_toolbox.bulk.journal import DONE, FAILED, SKIPPED, Journal, Record, Stamp, StopRun

RUN = {"about": {"begun": "now"}, "model": {"weights": "ab"}, "pictures": {"count": 2, "list": "c"}}
HERE = Stamp(5, 7, 1)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal", 3)
    journal.claim(RUN)
    return journal


def record(picture, status=FAILED, **changes):
    return Record(picture, status, f"in/{picture}.png", f"{picture}.png", **changes)


@pytest.mark.parametrize("total", [1, 2, 200, 1023, 1024, 1025, 5000, 1_000_000])
def test_parts_cover_every_picture_once_and_are_of_equal_length(tmp_path, total):
    journal = Journal(tmp_path, total)
    ranges = [journal.numbers(part) for part in range(journal.parts)]
    assert [number for numbers in ranges for number in numbers] == list(range(total))
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1
    for part in (0, journal.parts // 2, journal.parts - 1):
        assert {journal.part_of(number) for number in ranges[part]} == {part}


def test_the_last_record_counts(journal):
    assert journal.read(1) == {}
    journal.add(record(1, reason="bad"))
    last = record(1, DONE, read=HERE, written=HERE, time=1.5, worker="here:1")
    journal.add(last)
    assert journal.read(1) == {1: last}
    assert journal.read(0) == {}


def test_a_line_cut_short_by_death_spoils_no_other(journal):
    journal.add(record(1, SKIPPED))
    path = journal.folder / "part-0001.jsonl"
    path.write_bytes(path.read_bytes() + b'\n{"picture": 1, "status": "fai')
    journal.add(record(1, reason="later"))
    assert journal.read(1)[1].reason == "later"


@pytest.mark.parametrize(
    "changes",
    [
        {"picture": None},
        {"picture": 99},
        {"picture": []},
        {"picture": True},
        {"picture": 1.0},
        {"status": "begun"},
        {"status": []},
        {"status": DONE, "written": None},
        {"status": DONE, "written": {"size": 5}},
        {"written": 3},
        {"written": [1, 2, 3]},
        {"read": "x"},
        {"reason": None},
        {"output": 5},
        {"more": 1},
    ],
    ids=str,
)
def test_a_record_that_makes_no_sense_is_passed_over(journal, changes):
    line = json.dumps(asdict(record(1, written=HERE)) | changes)
    (journal.folder / "part-0001.jsonl").write_text(f"{line}\n")
    assert journal.read(1) == {}


@pytest.mark.parametrize(
    "line", [b"[]", b"null", b"{}", b"\xff", b"\0", b"[" * 100_000, b"1" * 9999]
)
def test_what_is_no_record_is_passed_over(journal, line):
    (journal.folder / "part-0001.jsonl").write_bytes(line)
    assert journal.read(1) == {}


def test_a_stamp_notices_a_change_and_no_mere_touch(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    stamp = Stamp.of(path, b"12345")
    assert stamp.fits(path)
    os.utime(path, ns=(1, 1))
    assert stamp.fits(path), "the same content, copied"
    assert not Stamp(5, 2).fits(path), "whose content is not known"
    path.write_bytes(b"12346")
    assert not stamp.fits(path)
    path.write_bytes(b"1234")
    assert not stamp.fits(path)
    path.unlink()
    assert not stamp.fits(path)
    assert Stamp.of(path) is None
    path.mkdir()
    assert not Stamp(path.stat().st_size, 0, 1).fits(path)


def test_pictures_in_hand_are_noted_until_they_end(journal):
    journal.begin(0)
    journal.begin(2, tries=1)
    assert journal.begun() == {0: 0, 2: 1}
    (journal.folder / "begun" / "2").write_bytes(b"\xffx")
    (journal.folder / "begun" / "notes.txt").write_text("5")
    (journal.folder / "begun" / "1").symlink_to("gone")  # as if it ended just now
    assert journal.begun() == {0: 0, 2: 0}
    journal.end(0)
    journal.end(0)
    assert journal.begun() == {2: 0}


def test_another_run_is_refused_and_the_difference_named(journal):
    assert journal.claim(RUN | {"about": {"begun": "later"}})
    assert not Journal(journal.folder / "new", 3).claim(RUN)
    for other, difference in (
        (RUN | {"model": {"weights": "cd"}}, "model weights: ab then, cd now"),
        (RUN | {"pictures": {"count": 3, "list": "d"}}, "pictures count: 2 then, 3 now"),
        (RUN | {"options": {"amp": True}}, "options amp: not given then, True now"),
    ):
        with pytest.raises(ValueError, match=f"journal of another run .*{difference}") as caught:
            journal.claim(other)
        assert f"remove {journal.folder} to begin anew" in str(caught.value)
    assert json.loads((journal.folder / "run.json").read_text())["model"] == {"weights": "ab"}


@pytest.mark.parametrize("content", [b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b""])
def test_a_damaged_journal_is_named(journal, content):
    (journal.folder / "run.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"run.json is damaged"):
        journal.claim(RUN)


def test_a_journal_that_cannot_be_kept_stops_the_run(journal, monkeypatch):
    import shutil

    shutil.rmtree(journal.folder)
    with pytest.raises(StopRun, match="cannot be written"):
        journal.add(record(1))
    with pytest.raises(StopRun, match="cannot be written"):
        journal.begin(1)


def test_a_full_disk_stops_the_run(journal):
    (journal.folder / "part-0001.jsonl").symlink_to("/dev/full")
    with pytest.raises(StopRun, match=r"cannot be written: .*No space left"):
        journal.add(record(1))
