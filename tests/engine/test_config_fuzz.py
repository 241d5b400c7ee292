"""Damaged configs: a share of the fuzz run; the whole one is a command."""

import csv
import importlib.util
import os
from pathlib import Path

import pytest


@pytest.mark.slow
def test_damaged_configs_end_well_or_in_one_line(
    repo_dir: Path, data_root: Path, tmp_path: Path, monkeypatch
) -> None:
    spec = importlib.util.spec_from_file_location("fuzz", repo_dir / "benchmarks/fuzz_configs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "cases").mkdir()
    monkeypatch.chdir(tmp_path)
    seed = int(os.environ.get("IGNN_FUZZ_SEED", "1"))
    rows = module.fuzz(tmp_path / "cases", data_root, cases=110, seed=seed)
    assert sum(row["cases"] for row in rows) == 110
    assert [row for row in rows if row["wrong"]] == []


def test_the_kept_counts_are_of_the_whole_run(repo_dir: Path) -> None:
    with (repo_dir / "benchmarks/results/fuzz_configs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["cases"]) for row in rows) == 320
    assert {row["wrong"] for row in rows} == {"0"}
