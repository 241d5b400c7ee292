"""What the kept measurements say of the gate, and that none of the choice is a benchmark's."""

import csv

from ignn_toolbox.models.restorers import InternalLearning


def rows_of(repo_dir, name):
    with (repo_dir / "benchmarks" / "results" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_on_validation_pictures_the_gate_lets_nothing_lose(repo_dir):
    learning = InternalLearning()
    rows = [
        row
        for row in rows_of(repo_dir, "internal_learning.csv")
        if row["kernel"] == row["reduced"] == "bicubic"
    ]
    assert {row["set"] for row in rows} <= {"wall2k", "BSDS399"}
    tuned = [row for row in rows if float(row["predicted"]) >= learning.gate]
    gains = [float(row[f"gain_at_{learning.share}"]) for row in tuned]
    assert gains
    assert min(gains) > -0.05
    assert sum(gains) / len(gains) > 0.1
    lost = [row for row in rows if float(row[f"gain_at_{learning.share}"]) < -0.05]
    assert lost  # without the gate there are losses
    assert all(float(row["predicted"]) < learning.gate for row in lost)


def test_a_step_is_nearly_as_fast_as_a_bare_one(repo_dir):
    assert all(float(row["relative"]) >= 0.8 for row in rows_of(repo_dir, "internal_speed.csv"))
