"""Hostile and senseless checkpoints: the quick part of the fuzz run; the whole one is a command."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def fuzzer(repo_dir: Path, monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(repo_dir / "benchmarks")
    import fuzz_checkpoints

    return fuzz_checkpoints


@pytest.mark.slow
def test_no_checkpoint_runs_anything_or_passes_for_a_result(fuzzer, tmp_path: Path) -> None:
    seed = int(os.environ.get("IGNN_FUZZ_SEED", "1"))
    rows = fuzzer.fuzz(tmp_path.resolve(), rounds=1, seed=seed, share=0.25)
    assert len(rows) == len(fuzzer.KINDS) >= 40
    assert [row for row in rows if row["wrong"]] == []
    good = next(row for row in rows if row["kind"] == fuzzer.GOOD)
    assert good["opened"] > 10


def test_the_watch_sees_what_it_is_for(repo_dir: Path, tmp_path: Path) -> None:
    code = f"""
import os, pathlib, subprocess, sys
sys.path[:0] = [{str(repo_dir / "benchmarks")!r}]
from frame.watch import Watch
inside = pathlib.Path("inside")
inside.mkdir()
watch = Watch(("this",))
with watch.over(inside) as seen:
    (inside / "fine").write_text("x")
    pathlib.Path("outside").write_text("x")
    os.remove("outside")
    os.system("true")
    subprocess.run(["true"])
    import this
print([what.split()[0] for what in seen])
"""
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines()[-1] == (
        "['open', 'os.remove', 'os.system', 'subprocess.Popen', 'import']"
    )


def test_the_kept_counts_are_of_the_whole_run(repo_dir: Path, fuzzer) -> None:
    with (repo_dir / "benchmarks/results/fuzz_checkpoints.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == [kind.name for kind in fuzzer.KINDS]
    assert {row["wrong"] for row in rows} == {"0"}
    assert all(int(row["doors"]) >= 18 * int(row["files"]) > 0 for row in rows)
