"""``ignn evaluate`` as a user meets it."""

import json

import numpy as np
import pytest

from ignn_toolbox.images import read_image, write_image


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        gt = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        write_image(tmp_path / "Set2" / f"{name}.png", gt)
        write_image(tmp_path / "net" / "Set2" / f"{name}_x2.png", gt // 2)
    return tmp_path / "net" / "Set2", tmp_path / "Set2"


def test_table_and_files(cli, folders, tmp_path) -> None:
    out = tmp_path / "out"
    status, text, _ = cli("evaluate", *folders, "--scale", 2, "--protocol", "all", "-o", out)
    assert status == 0
    content = json.loads((out / "results.json").read_text())
    assert (content["model"], content["scale"]) == ("net", 2)
    assert [(m["dataset"], m["protocol"], m["images"]) for m in content["means"]] == [
        ("Set2", "y-float", 2),
        ("Set2", "y-uint8", 2),
        ("Set2", "rgb", 2),
    ]
    for mean in content["means"]:
        assert f"{mean['psnr']:.4f}" in text
        assert mean["protocol"] in text
    assert len((out / "per_image.csv").read_text().splitlines()) == 7


def test_per_image_rows(cli, folders) -> None:
    _, text, _ = cli("evaluate", *folders, "--scale", 2, "--per-image")
    assert "24x24" in text


def test_json_is_one_object_an_image_and_quiet_says_nothing(cli, folders, tmp_path) -> None:
    write_image(folders[0] / "b_x2.png", read_image(folders[1] / "b.png"))
    words = ("evaluate", *folders, "--scale", 2, "-o", tmp_path / "out")
    status, text, error = cli(*words, "--json")
    assert (status, error) == (0, "")
    records = [json.loads(line) for line in text.splitlines()]
    assert [record["image"] for record in records] == ["a", "b"]
    assert records[1]["psnr"] == "inf"
    assert records == json.loads((tmp_path / "out" / "results.json").read_text())["images"]
    assert cli(*words, "--quiet") == (0, "", "")


def test_errors_are_one_line(cli, folders, tmp_path) -> None:
    for words, message in [
        ((folders[0], tmp_path / "none", "--scale", 2), "there is no folder"),
        ((*folders, "--scale", 5), "--scale 5 does not divide"),
        ((*folders, "--scale", 2, "--protocol", "psnr"), "protocol must be one of"),
        ((*folders, "--scale", 2, "--perceptual", "niqe"), "got 'niqe'"),
    ]:
        status, _, error = cli("evaluate", *words)
        assert status == 1
        assert error.startswith("ignn evaluate: error: ")
        assert message in error


def test_unwritable_output_is_an_error(cli, folders, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    status, text, error = cli("evaluate", *folders, "--scale", 2, "-o", tmp_path / "file")
    assert status == 1
    assert "file" in error
    assert "dB" not in text
