"""The quick part of the kill matrix; the whole one is a command."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_every_interrupted_run_ends_as_the_undisturbed_one(repo_dir: Path, tmp_path: Path) -> None:
    script = [sys.executable, "benchmarks/kill_matrix.py", "--workers", "0"]
    done = subprocess.run(
        [*script, "--precisions", "fp32", "--out", str(tmp_path / "out.csv")],
        cwd=repo_dir,
        env=os.environ | {"PYTHONPATH": str(repo_dir), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert len(rows) == 9
    assert {(row["interrupted"], row["equal"]) for row in rows} == {("True", "True")}


def test_the_kept_matrix_has_every_combination(repo_dir: Path) -> None:
    rows = list(csv.DictReader((repo_dir / "benchmarks/results/kill_matrix.csv").open()))
    keys = ("signal", "moment", "workers", "precision")
    assert len({tuple(row[key] for key in keys) for row in rows}) == len(rows) == 3 * 3 * 2 * 3
    assert {row["equal"] for row in rows} == {"True"}
