"""The published tables of tasks at scale 1: figures as printed, measured rows among them."""

import pytest

from ignn_toolbox.evaluation import Results
from ignn_toolbox.evaluation.table_format import markdown
from ignn_toolbox.evaluation.task_tables import task_of, task_table


def results(sets: dict[str, int], protocol: str, scale: int = 1) -> Results:
    shared = {"height": 16, "width": 16, "protocol": protocol, "seconds": None}
    records = [
        {"dataset": name, "image": str(index), "psnr": 31.0, "ssim": 0.9, **shared}
        for name, count in sets.items()
        for index in range(count)
    ]
    return Results("my_net", scale, records)


@pytest.mark.parametrize(
    ("task", "method", "column", "figures"),
    [
        ("denoising", "PANet", "Urban100_n70", (27.87, None)),
        ("denoising", "CBM3D", "Kodak24_n10", (36.57, None)),
        ("denoising", "IRCNN", "CBSD68_n70", None),
        ("grey-denoising", "RNAN", "BSD68_n50", (26.48, None)),
        ("demosaicing", "Mosaic", "McMaster18", (9.17, 0.1674)),
        ("demosaicing", "PANet", "Urban100", (40.50, 0.9854)),
        ("artefacts", "DnCNN", "LIVE1_q40", (33.96, 0.9247)),
        ("artefacts", "ARCNN", "Classic5_q10", (29.04, 0.8111)),
    ],
)
def test_published_figures(task, method, column, figures) -> None:
    table = task_table(task)
    row = next(row for row in table.rows if row.method == method)
    assert dict(zip(table.sets, row.values, strict=True))[column] == figures
    assert row.source is not None


def test_the_other_ssim_is_said() -> None:
    text = markdown(task_table("artefacts"))
    assert "SA-DCT [1]" in text
    assert "8x8 windows" in text


def test_measured_rows_stand_among_the_quoted_ones() -> None:
    mine = results({"Urban100_n30": 100, "Set5_n30": 5}, "rgb-full")
    table = task_table("denoising", [mine])
    assert table.sets[-1] == "Set5_n30"
    assert table.rows[-1].method == "my_net"
    assert table.rows[-1].source is None
    assert table.rows[-1].values[-1] == pytest.approx((31.0, 0.9))
    narrow = task_table("denoising", [mine], narrow=True)
    assert narrow.sets == ("Urban100_n30", "Set5_n30")
    assert narrow.rows[0].method == "CBM3D"
    assert narrow.rows[0].values == ((30.36, None), None)
    part = task_table("artefacts", [results({"LIVE1_q10": 3}, "plane")])
    assert part.rows[-1].notes == ("LIVE1_q10: 3 images of 29",)


def test_results_tell_their_task() -> None:
    assert task_of(results({"Set5_n30": 5}, "rgb-full")) == "denoising"
    assert task_of(results({"Set12_n30": 5}, "plane")) == "grey-denoising"
    assert task_of(results({"Classic5_q10": 5}, "plane")) == "artefacts"
    assert task_of(results({"Set5": 5}, "rgb-full")) == "demosaicing"
    assert task_of(results({"Set5": 5}, "y-float", 2)) is None


def test_what_does_not_belong_is_named() -> None:
    with pytest.raises(ValueError, match="'blur'"):
        task_table("blur")
    with pytest.raises(ValueError, match="not scored under plane"):
        task_table("artefacts", [results({"Classic5_q10": 5}, "rgb-full")])
    with pytest.raises(ValueError, match="x2; pictures of denoising keep"):
        task_table("denoising", [results({"Set5_n30": 5}, "rgb-full", 2)])


def test_command(cli, tmp_path) -> None:
    status, out, _ = cli("table", "--paper", "panet/demosaicing")
    assert status == 0
    assert "Demosaicing, PSNR (dB) / SSIM, rgb-full" in out
    assert "43.29/0.9905" in out
