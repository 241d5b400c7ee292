"""Records, means and result files."""

import csv
import json
import math
import os

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


def test_what_became_of_tuning_is_kept(tmp_path) -> None:
    records = [
        record("a", 30.0, tuned=1, predicted_gain=0.31),
        record("b", 31.0, tuned=0, predicted_gain=None),
    ]
    write_results(tmp_path, Results("tuned", 2, records))
    assert [(row["tuned"], row["predicted_gain"]) for row in read_results(tmp_path).records] == [
        (1, 0.31),
        (0, None),
    ]
    header, *rows = (tmp_path / "per_image.csv").read_text().splitlines()
    assert header.endswith("tuned,predicted_gain")
    assert [row.split(",")[-2:] for row in rows] == [["1", "0.31"], ["0", ""]]


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


SENSELESS = {
    ("model",): [None, "", 5, [], "x" * 2000],
    ("scale",): [None, 0, -2, 2.5, "2", True, 10**9],
    ("info",): [None, [], "x"],
    ("info", "gt_dirs"): [None, [], "x", {"Set5": 5}],
    ("info", "sr_dirs"): [5, {"Set5": None}, {"Set5": ["x"]}],
    ("versions",): [None, [], {"torch": 2}],
    ("images",): [None, {}, "x", 5, [1], [None], [[]]],
    ("images", 0, "dataset"): [None, "", 5, []],
    ("images", 0, "image"): [None, "", {}, True],
    ("images", 0, "height"): [None, 0, -1, 1.5, "8"],
    ("images", 0, "psnr"): [None, "x", True, [], 1e300, 10**400],
    ("images", 0, "ssim"): [None, "inf", "x", {}],
    ("images", 0, "seconds"): ["x", [], True],
    ("images", 0, "lpips"): ["x"],
    ("means",): [None, {}, [1], [{}]],
    ("means", 0, "images"): [None, 0, "2", True],
    ("means", 0, "psnr"): [None, "x"],
    ("means", 0, "dataset"): [5, None],
}


@pytest.mark.parametrize("place", SENSELESS, ids=lambda place: ".".join(map(str, place)))
def test_values_of_another_kind_are_named_by_their_place(tmp_path, place: tuple) -> None:
    path = write_results(tmp_path, Results("net", 2, [record("a", 30.0), record("b", math.inf)]))
    for value in [*SENSELESS[place], KeyError]:
        content = json.loads(path.read_text())
        parent = content
        for key in place[:-1]:
            parent = parent[key]
        if value is not KeyError:
            parent[place[-1]] = value
        elif place[-1] in ("seconds", "lpips", "gt_dirs", "sr_dirs"):
            continue
        else:
            del parent[place[-1]]
        (tmp_path / "bad.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match=r"bad\.json is not a results file") as error:
            read_results(tmp_path / "bad.json")
        assert str(place[-1]) in str(error.value)
        assert str(error.value).isprintable()
        assert len(str(error.value)) < 500


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
@pytest.mark.parametrize("key", ["psnr", "ssim", "seconds"])
@pytest.mark.parametrize("rows", ["images", "means"])
def test_a_number_that_is_none_is_refused(tmp_path, rows: str, key: str, number: str) -> None:
    path = write_results(tmp_path, Results("net", 2, [record("a", 30.0), record("b", 31.0)]))
    content = json.loads(path.read_text())
    content[rows][0][key] = "@"
    path.write_text(json.dumps(content).replace('"@"', number))
    with pytest.raises(ValueError, match=r"results\.json is not a results file"):
        read_results(path)


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"format": "1"}'],
    ids=["UTF-16", "a mark", "no end", "a word"],
)
def test_what_is_no_json_is_named(tmp_path, data: bytes) -> None:
    (tmp_path / "results.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"results\.json is not a results file"):
        read_results(tmp_path)


@pytest.mark.slow
def test_damaged_results_reach_no_table(repo_dir, tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(repo_dir / "benchmarks")
    import fuzz_results

    seed = int(os.environ.get("IGNN_FUZZ_SEED", "1"))
    rows = fuzz_results.fuzz(tmp_path.resolve(), cases=64, seed=seed)
    assert [row for row in rows if row["wrong"]] == []


def test_the_kept_counts_are_of_the_whole_run(repo_dir) -> None:
    with (repo_dir / "benchmarks/results/fuzz_results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["cases"]) for row in rows) == 64
    assert {row["wrong"] for row in rows} == {"0"}
