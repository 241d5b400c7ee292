"""Records, means and result files."""

import csv
import json
import math

import pytest

from ignn_toolbox.evaluation import Results, means, read_results, write_results


def record(image: str, psnr: float, dataset: str = "Set5", **changes) -> dict:
    return {
        "dataset": dataset,
        "image": image,
        "height": 8,
        "width": 9,
        "protocol": "y-float",
        "psnr": psnr,
        "ssim": 0.9,
        "seconds": None,
    } | changes


def test_means_keep_sets_and_protocols_apart() -> None:
    rows = means(
        [
            record("a", 30.0),
            record("b", 32.0),
            record("a", 40.0, protocol="rgb"),
            record("a", 20.0, "Set14", seconds=2.0),
        ]
    )
    assert [(m.dataset, m.protocol, m.images, m.psnr, m.seconds) for m in rows] == [
        ("Set5", "y-float", 2, 31.0, None),
        ("Set5", "rgb", 1, 40.0, None),
        ("Set14", "y-float", 1, 20.0, 2.0),
    ]


def test_a_mean_is_never_nan_and_counts_no_image_twice() -> None:
    with pytest.raises(ValueError, match="Set5/a are nan"):
        means([record("a", math.nan)])
    with pytest.raises(ValueError, match="image a of Set5 is scored twice"):
        means([record("a", 30.0), record("a", 31.0)])


def test_round_trip_loses_no_digit(tmp_path) -> None:
    records = [record("a", 30 + 1 / 3, seconds=0.1), record("b", math.inf)]
    path = write_results(tmp_path, Results("net", 2, records, {"config": "c.py"}))
    results = read_results(tmp_path)
    assert results.records == records
    assert (results.model, results.scale, results.info) == ("net", 2, {"config": "c.py"})
    assert {"ignn_toolbox", "torch", "mmengine"} <= results.versions.keys()
    with (tmp_path / "per_image.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["psnr"]) for row in rows] == [30 + 1 / 3, math.inf]
    assert path.name == "results.json"
    json.loads(path.read_text(), parse_constant=pytest.fail)  # no NaN or Infinity in the file


def test_altered_file_is_refused(tmp_path) -> None:
    path = write_results(tmp_path, Results("net", 2, [record("a", 30.0), record("b", 31.0)]))
    content = json.loads(path.read_text())
    del content["images"][1]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="not those of the 1 images"):
        read_results(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', "nonsense"])
def test_foreign_files_are_refused(tmp_path, text: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="results.json"):
        read_results(path)


def test_missing_and_empty_results(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="ignn test"):
        read_results(tmp_path)
    with pytest.raises(ValueError, match="no results of net"):
        write_results(tmp_path, Results("net", 2, []))
