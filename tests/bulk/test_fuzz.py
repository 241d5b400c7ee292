"""Damaged journals: the quick part of the fuzz run; the whole one is a command."""

import csv
import importlib.util
import os
from pathlib import Path

import pytest


@pytest.mark.slow
def test_damaged_journals_lose_nothing(repo_dir: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("fuzz", repo_dir / "benchmarks/fuzz_journal.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = module.fuzz(tmp_path, cases=40, seed=int(os.environ.get("IGNN_FUZZ_SEED", "1")))
    assert sum(row["cases"] for row in rows) == 40
    assert [row for row in rows if row["wrong"]] == []


def test_the_kept_counts_are_of_the_whole_run(repo_dir: Path) -> None:
    with (repo_dir / "benchmarks/results/fuzz_journal.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["cases"]) for row in rows) == 150
    assert {row["wrong"] for row in rows} == {"0"}
