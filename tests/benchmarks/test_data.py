"""The speed of sources of training data is measured on data that are what they seem."""

import csv
from pathlib import Path

import numpy as np
import pytest
from data_speed import available_sources, main, measure_data, natural_picture
from data_speed import write_data_results as write


def test_every_source_is_measured(tmp_path: Path) -> None:
    sources = available_sources()
    rows = measure_data(
        tmp_path, sources, [0, 1], pairs=16, lq_size=8, batch_size=4, images=2, side=40
    )
    assert [(row.source, row.workers) for row in rows] == [(s, n) for s in sources for n in (0, 1)]
    assert all(row.per_second > 0 and row.per_cpu_second > 0 for row in rows)
    assert {row.source: row.pairs for row in rows}["mmap"] == 16
    write(tmp_path / "out" / "data.csv", rows)
    with (tmp_path / "out" / "data.csv").open() as file:
        written = list(csv.DictReader(file))
    required = {row["source"] for row in written if row["required_per_cpu_second"] == "1500"}
    assert required == {"mmap"}


def test_drawn_pictures_have_the_spectrum_of_photographs() -> None:
    picture = natural_picture(128, 0)[..., 0].astype(float)
    power = np.abs(np.fft.rfft2(picture - picture.mean())) ** 2
    frequency = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128)[None])
    bands = [(0.03, 0.06), (0.06, 0.12), (0.12, 0.24)]
    means = [power[(low <= frequency) & (frequency < high)].mean() for low, high in bands]
    slopes = np.diff(np.log2(means))
    assert slopes == pytest.approx([-2, -2], abs=0.4)  # power falls with the square


def test_the_command_prints_and_writes_them(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("data_speed.available_sources", lambda: ("mmap",))
    out = tmp_path / "data.csv"
    words = ["--pairs", "32", "--lq-size", "8", "--workers", "0", "--out", str(out)]
    assert main(words) == 0
    assert "8x8/16x16" in capsys.readouterr().out
    assert out.is_file()
