"""Damaged pictures: the quick part of the fuzz run; the whole one is a command."""

import csv
import os
from pathlib import Path

import pytest


@pytest.mark.slow
def test_damaged_pictures_are_refused_or_read_and_nothing_else(tmp_path: Path) -> None:
    from fuzz_pictures import fuzz

    rows = fuzz(tmp_path, cases=400, seed=int(os.environ.get("IGNN_FUZZ_SEED", "1")))
    assert sum(row["cases"] for row in rows) == 400
    assert [row for row in rows if row["wrong"]] == []


def test_the_kept_counts_are_of_the_whole_run(repo_dir: Path) -> None:
    with (repo_dir / "benchmarks/results/fuzz_pictures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["cases"]) for row in rows) == 2000
    assert {row["wrong"] for row in rows} == {"0"}
