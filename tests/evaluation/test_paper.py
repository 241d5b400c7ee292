"""The paper's tables: quoted as printed, measured rows told apart."""

import csv
import io
import math
import re

import pytest
import yaml

from ignn_toolbox.evaluation import Results
from ignn_toolbox.evaluation.paper import SOURCE, TITLES, Row, paper_table
from ignn_toolbox.evaluation.table_format import FORMATS, comma_separated, latex, markdown


def results(sets: dict[str, int], scale: int = 2, protocol: str = "y-float") -> Results:
    records = [
        {
            "dataset": dataset,
            "image": str(index),
            "height": 8,
            "width": 8,
            "protocol": protocol,
            "psnr": 30 + 1 / 3,
            "ssim": 0.9,
            "seconds": None,
        }
        for dataset, count in sets.items()
        for index in range(count)
    ]
    return Results("my_net", scale, records)


def test_every_quoted_figure_is_the_given_one(shared_dir) -> None:
    given = yaml.safe_load((shared_dir / "spec" / "paper_tables.yml").read_text())
    rows = [row for row in paper_table(1).rows if row.source == SOURCE]
    assert len(rows) == len(given["table1"]["rows"])
    expected = {
        (row["method"], row["scale"]): tuple(v and tuple(v) for v in row["values"])
        for row in given["table1"]["rows"]
    }
    assert {(row.method, row.scale): row.values for row in rows} == expected
    for number in range(2, 7):
        quoted = [row.values for row in paper_table(number).rows]
        assert quoted == [((row["psnr"], row["ssim"]),) for row in given[f"table{number}"]]


def test_published_figures_of_ignn() -> None:
    row = next(row for row in paper_table(1, [4]).rows if row.method == "IGNN+")
    assert dict(zip(paper_table(1).sets, row.values, strict=True))["Urban100"] == (27.04, 0.8128)
    assert paper_table(4).rows[-1].method == "whole image"
    assert [row.method for row in paper_table(5).rows][:2] == ["k = 1", "k = 3"]


def test_misprints_are_kept_with_a_note() -> None:
    row = next(row for row in paper_table(1, [4]).rows if row.method == "VDSR")
    assert row.values[2] == (27.29, 0.0726)
    assert "0.7260 is meant" in row.notes[0]
    text = markdown(paper_table(1, [4]))
    assert "VDSR [1]" in text
    assert "[1] BSD100 SSIM 0.0726 is printed; 0.7260 is meant" in text


def test_measured_rows_stand_apart_in_every_format() -> None:
    table = paper_table(1, [2, 3], [results({"Set5": 5, "Urban100": 100})])
    assert [row.method for row in table.rows if row.source is None] == ["my_net"]
    assert table.rows.index(next(r for r in table.rows if r.scale == 3)) == 18
    assert (
        "| **my_net** | **x2** | **30.33/0.9000** | - | - | **30.33/0.9000** | - | "
        "**measured here** |" in markdown(table)
    )
    assert r"\textbf{my\_net}$^\dagger$" in latex(table)
    rows = list(csv.DictReader(io.StringIO(comma_separated(table))))
    assert [row["method"] for row in rows if row["kind"] == "measured"] == ["my_net"]
    measured = next(row for row in rows if row["kind"] == "measured")
    assert math.isclose(float(measured["Set5 PSNR"]), 30 + 1 / 3, rel_tol=1e-15)
    assert measured["Set14 PSNR"] == ""


def test_fewer_images_than_the_set_has_are_said() -> None:
    table = paper_table(2, measured=[results({"Urban100": 7})])
    assert table.rows[-1].notes == ("Urban100: 7 images of 100",)
    assert "Urban100: 7 images of 100" in markdown(table)


@pytest.mark.parametrize("number", TITLES)
@pytest.mark.parametrize("style", FORMATS)
def test_no_table_prints_nan_or_none(number: int, style: str) -> None:
    text = FORMATS[style](paper_table(number))
    assert not re.search(r"\b(nan|None)\b", text)


def test_latex_is_balanced() -> None:
    for number in TITLES:
        text = latex(paper_table(number))
        assert text.count(r"\begin{") == text.count(r"\end{") == 2
        assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
        body = text.split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
        columns = len(paper_table(number).sets) + 1
        lines = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert all(line.replace(r"\&", "").count("&") == columns for line in lines)


def test_methods_that_the_paper_leaves_out_and_that_beat_it(shared_dir) -> None:
    rows = {(row.method, row.scale): row for row in paper_table(1).rows}
    given = yaml.safe_load((shared_dir / "spec" / "paper_tables.yml").read_text())
    for item in given["absent_from_table1"]:
        for scale in (2, 3, 4):
            row = rows[item["method"], scale]
            assert row.values[3] == tuple(item[f"x{scale}"])
            assert row.source.startswith("Mei et al.")
            assert row.values[3][0] > rows["EDSR", scale].values[3][0]
    assert rows["CSNLN", 4].values[3][0] > rows["IGNN", 4].values[3][0]
    assert ("IGNN, released recipe", 2) in rows


def test_a_shipped_row_gives_way_to_what_was_measured_again() -> None:
    mine = results({"Set5": 5})
    old = Row("my_net (7 parameters)", 2, ((30.0, 0.8), None, None, None, None))
    other = Row("other", 2, old.values)
    table = paper_table(1, [2], [mine], [old, other], {"my_net": "my_net (7 parameters)"})
    assert [row.method for row in table.rows if row.source is None] == ["other", old.method]
    assert table.rows[-1].values[0][0] > 30.1


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("tables 1 to 6, got 7", {"number": 7}),
        (r"scales \[2\], got \[4\]", {"number": 2, "scales": [4]}),
        ("not scored under y-float", {"measured": [results({"Set5": 5}, protocol="rgb")]}),
        ("none of the table's sets", {"number": 3, "measured": [results({"Set5": 5})]}),
    ],
)
def test_errors(message: str, arguments: dict) -> None:
    with pytest.raises(ValueError, match=message):
        paper_table(**arguments)
