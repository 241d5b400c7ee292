"""Names of files, methods and sets: shown, written and read back, never obeyed."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ignn_toolbox.commands._console import table
from ignn_toolbox.evaluation.table_format import bar, latex_table
from ignn_toolbox.images import write_image
from ignn_toolbox.text import csv_text, encoded, shown

# A file may have each of these names. The last two are no UTF-8.
NAMES = [
    "[bold]x",
    "x [final]",
    ":smile: [link=file:x]",
    "\x1b[2J\x1b[31mred",
    "a\nignn upscale: 99 restored",
    "a\r9 restored",
    "tab\tbell\a",
    "right\u202eleft",
    "=cmd|'x'!A1",
    "@SUM(A1)",
    "+1+1",
    os.fsdecode(b"gr\xfc\xdfe"),
    os.fsdecode(b"\xff\xfe"),
]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_is_one_line_of_plain_text(name: str) -> None:
    text = shown(name)
    assert text.isprintable()
    text.encode("utf-8")
    assert shown(text) == text  # a message may hold a name that is escaped already


def test_plain_text_is_shown_as_it_is() -> None:
    text = "Größe 1 \\ 日本語 👩‍🔬 [x]"
    assert shown(text) == text
    assert shown("a\x1b\n\u202e" + os.fsdecode(b"\xff")) == r"a\x1b\n\u202e\xff"


@pytest.mark.parametrize("name", NAMES)
def test_written_names_are_utf8_and_json_gives_them_back(name: str) -> None:
    data = encoded(json.dumps({"image": name}, ensure_ascii=False))
    assert json.loads(data.decode("utf-8")) == {"image": name}


def test_no_cell_is_a_formula_and_numbers_stay_numbers() -> None:
    cells = [*NAMES, "\t=1", "-x", "\uff1d1", "-1.25", "+3", -4.5, 7, None, "plain"]
    assert csv_text([cells]).count("\n") == 1
    (row,) = csv.reader(io.StringIO(csv_text([cells])))
    assert len(row) == len(cells)
    for cell, written in zip(cells, row, strict=True):
        if isinstance(cell, str) and cell[0] in "=+-@\t\r\uff1d" and cell not in ("-1.25", "+3"):
            assert written == f"'{shown(cell)}"
        else:
            assert written == ("" if cell is None else shown(cell))


def test_tables_for_papers_obey_no_name() -> None:
    assert bar(["a|b", "\x1b"]) == r"| a\|b | \x1b |"
    text = latex_table("x", ["a_b", r"\input{x}"], [["50 %", "$~^{#}&"]])
    assert r"a\_b & \textbackslash{}input\{x\}" in text
    assert r"50 \% & \$\textasciitilde{}\^{}\{\#\}\&" in text


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """Results and ground truth of pictures with all names."""
    rng = np.random.default_rng(0)
    made = []
    for number, folder in enumerate(("sr", "gt [x]")):
        for place, name in enumerate(NAMES):
            pixels = rng.integers(0, 200, (24, 24, 3)) + number * place
            write_image(tmp_path / folder / f"{name}.png", pixels.astype(np.uint8))
        made.append(tmp_path / folder)
    return made[0], made[1]


def test_every_name_goes_through_evaluate_compare_table_and_report(cli, folders, tmp_path) -> None:
    for out, method in (("a", "v1 [/final]"), ("b", os.fsdecode(b"\xff$x_[b]"))):
        words = (*folders, "--scale", 2, "--per-image", "-o", tmp_path / out, "--name", method)
        status, printed, errors = cli("evaluate", *words)
        assert (status, errors) == (0, "")
        assert [name for name in [*NAMES, method] if shown(name) not in printed] == []
        results = json.loads((tmp_path / out / "results.json").read_text("utf-8"))
        assert results["model"] == method
        assert {record["image"] for record in results["images"]} == set(NAMES)
        cells = list(csv.reader((tmp_path / out / "per_image.csv").read_text("utf-8").splitlines()))
        assert not [cell for row in cells for cell in row if cell.startswith(("=", "@", "+1"))]
    status, printed, errors = cli("compare", tmp_path / "a", tmp_path / "b", "--top", 99)
    assert (status, errors) == (0, "")
    assert "v1 [/final]" in printed
    assert r"\xff$x_[b]" in printed
    scored = (tmp_path / "a", tmp_path / "b")
    status, _, errors = cli("report", *scored, "-o", tmp_path / "page")
    assert status == 0, errors
    data = (tmp_path / "page" / "data.js").read_text("utf-8")
    content = json.loads(data.removeprefix("window.REPORT = ").rstrip(";\n"))
    assert set(NAMES) <= {image["image"] for image in content["images"]}
    figure = ("--figure", NAMES[2], "--box", "0,0,9,9")
    status, _, errors = cli("report", *scored, "-o", tmp_path / "figure", *figure)
    assert status == 0, errors


@pytest.mark.parametrize(
    "encoding", ["ascii", *(pytest.param(e, marks=pytest.mark.slow) for e in ("latin-1", "utf-8"))]
)
def test_no_encoding_of_the_terminal_ends_a_command(folders, tmp_path, encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "60"}
    for words in (
        ["models"],
        ["evaluate", *map(str, folders), "--scale", "2", "--per-image"],
        ["evaluate", str(folders[0]), str(tmp_path / NAMES[-2]), "--scale", "2"],
    ):
        command = [sys.executable, "-m", "ignn_toolbox", *words]
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        assert b"Traceback" not in done.stderr, done.stderr
        assert done.returncode == (1 if words[2:3] == [str(tmp_path / NAMES[-2])] else 0)
        assert "…".encode() not in done.stdout  # nothing is cut where no terminal is
        if words[0] == "models":
            assert b"ignn_tiny_x2" in done.stdout


def test_long_names_are_whole_where_no_terminal_is(cli, tmp_path) -> None:
    names = ["x" * 180 + end for end in ("first", "second")]
    for folder in ("sr", "gt"):
        for name in names:
            write_image(tmp_path / folder / f"{name}.png", np.zeros((24, 24, 3), np.uint8))
    words = (tmp_path / "sr", tmp_path / "gt", "--scale", 2, "--per-image")
    status, printed, _ = cli("evaluate", *words)
    assert status == 0
    assert all(name in printed for name in names)


def test_an_error_s_name_cannot_pretend_to_be_a_line(cli, tmp_path) -> None:
    name = "x\nignn upscale: 9 restored\x1b[2K"
    status, _, errors = cli("upscale", tmp_path / name, "-o", tmp_path / "out")
    assert status == 1
    assert not any(line.startswith("ignn upscale: 9") for line in errors.splitlines())
    assert "\x1b" not in errors
    status, _, errors = cli("inspect", tmp_path / name, "--recurrence")
    assert status == 1
    assert not any(line.startswith("ignn upscale") for line in errors.splitlines())
    assert "\x1b" not in errors


def test_on_a_narrow_terminal_names_are_folded_not_cut() -> None:
    names = ["x" * 80 + end for end in ("first", "second")]
    out = Console(force_terminal=True, width=60, no_color=True, file=io.StringIO())
    header = ["image", "size", "PSNR (dB)"]
    out.print(table(header, [[name, "24x24", "37.1234"] for name in names]))
    cells = [line.split("│")[1:4] for line in out.file.getvalue().splitlines() if "│" in line]
    assert "".join(cell[0].strip() for cell in cells) == "".join(names)
    assert [cell[2].strip() for cell in cells if cell[2].strip()] == ["37.1234"] * 2
