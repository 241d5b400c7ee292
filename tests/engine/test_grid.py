"""Grids: what they refuse, what they run, what they do not run twice, and their table."""

import csv
import io
import signal
from pathlib import Path

import pytest
import yaml

from ignn_toolbox.engine import grid_run
from ignn_toolbox.engine.grid import load_grid
from ignn_toolbox.engine.grid_run import run_grid, shard_of, variant_results

GRAPH = {
    "type": "GraphAgg",
    "channels": 4,
    "scale": 2,
    "embedder": {"type": "RGBEmbedder"},
    "num_neighbors": 2,
    "ecn": False,
    "residual": True,
}


@pytest.fixture
def write(tmp_path, config_file):
    """Writes a grid file on the small config."""

    def write_grid(**content):
        base = {
            "base": str(config_file),
            "options": {"train_cfg.max_iters": 4},
            "axes": {
                "variant": {"plain": {}, "graph": {"model.network.aggregator": GRAPH}},
                "seed": [0, 1],
            },
            "sets": ["Set5", "Set14"],
        }
        path = tmp_path / "small.yml"
        path.write_text(yaml.safe_dump(base | content, sort_keys=False))
        return path

    return write_grid


def test_all_combinations_in_order(write, tmp_path, data_root):
    grid = load_grid(write(), tmp_path / "out", data_root, {"batch_size": 3})
    assert all(v.config.batch_size == 3 for v in grid.variants)
    assert [v.name for v in grid.variants] == [
        "plain, seed 0",
        "plain, seed 1",
        "graph, seed 0",
        "graph, seed 1",
    ]
    assert grid.baseline == "plain"
    assert [v.config.randomness.seed for v in grid.variants] == [0, 1, 0, 1]
    assert len({v.folder for v in grid.variants}) == 4


def test_known_axes_change_what_they_name(write, tmp_path):
    path = write(
        options={"model.network.aggregator": GRAPH, "model.network.num_blocks": 2},
        axes={"k": [1, 3], "d": [4, None], "position": [1, 2]},
        baseline={"d": None},
    )
    grid = load_grid(path, tmp_path)
    assert grid.baseline == "k = 1, whole image, after block 1"
    last = grid.variants[-1].config.model.network
    assert (last.aggregator.num_neighbors, last.aggregator.window, last.aggregate_after) == (
        3,
        None,
        2,
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"axis": {}}, "did you mean `axes`"),
        ({"axes": {"sed": [1]}}, "unknown axis `sed`.*did you mean `seed`"),
        ({"axes": {"k": ["many"]}}, "axis k: 'many' is no integer"),
        ({"axes": {"v": {"a": 3}}}, "'a' must map"),
        ({"axes": {"position": [1]}, "options": {"model.network.num_block": 2}}, "num_block"),
        (
            {
                "axes": {"position": [2]},
                "options": {"model.network.aggregator": GRAPH},
            },
            "position: after block 2: .*must lie in 1..1",
        ),
        ({"axes": {"v": {"a": {"model.network.type": "EDRS"}}}}, "v: a: unknown .*EDSR"),
        ({"axes": {"v": {"a": {"config": "no_such"}}}}, "v: a: no model or config"),
        ({"axes": {"v": {"a": {}, "b": {}}}}, "two variants are the same: a, seed 0 and b, seed 0"),
        ({"baseline": {"variant": "plane"}}, "did you mean `plain`"),
        ({"sets": ["Set15"]}, "unknown set `Set15`"),
        ({"select": "worst"}, "best or last"),
        ({"paper": {"table": 2, "rows": {"plane": "IGNN"}}}, "paper.rows; did you mean `plain`"),
        (
            {
                "axes": {
                    "v": {
                        "a": {
                            "model.network.init_cfg": {
                                "type": "Pretrained",
                                "checkpoint": "none.pth",
                            }
                        }
                    }
                }
            },
            r"v: a: checkpoint none\.pth does not exist",
        ),
    ],
)
def test_slips_are_named_before_anything_runs(content, message, write, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load_grid(write(**content), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_runs_tests_and_tables(write, tmp_path, data_root, cli):
    path, out = write(paper={"table": 2, "rows": {"graph": "IGNN"}}), tmp_path / "out"
    options = (path, "--out", out, "--data-root", data_root)
    status, text, _ = cli("grid", *options, "--shard", "0/4")
    assert status == 0
    assert "1 of 4 variants are finished" in text
    assert text.count("| plain | Set5 |") == 1
    assert "| graph | Set5 | - | - |" in text, "a partly finished grid has a partly filled table"

    status, text, _ = cli("grid", *options)
    assert status == 0
    assert text.count("finished before") == 1
    rows = list(csv.DictReader(io.StringIO((out / "small.csv").read_text())))
    assert [(row["variant"], row["set"], row["seeds"]) for row in rows] == [
        ("plain", "Set5", "2"),
        ("graph", "Set5", "2"),
        ("plain", "Set14", "2"),
        ("graph", "Set14", "2"),
    ]
    gain = float(rows[1]["ours"]) - float(rows[0]["ours"])
    assert float(rows[1]["gain"]) == pytest.approx(gain, abs=1e-9)
    assert float(rows[1]["gain low"]) <= gain <= float(rows[1]["gain high"])
    assert rows[0]["gain"] == ""
    assert (out / "small.tex").read_text().count(r"\\") == 5

    before = {file: file.stat().st_mtime_ns for file in out.rglob("results.json")}
    status, text, _ = cli("grid", *options)
    assert text.count("finished before") == 4
    assert {file: file.stat().st_mtime_ns for file in out.rglob("results.json")} == before

    # another config: those variants, and only those, are to run again
    changed = write(
        axes={
            "variant": {
                "plain": {},
                "graph": {"model.network.aggregator": GRAPH | {"num_neighbors": 3}},
            },
            "seed": [0, 1],
        }
    )
    _, text, _ = cli("grid", changed, "--out", out, "--data-root", data_root, "--dry-run")
    assert [line.split()[1] for line in text.splitlines()] == ["finished"] * 2 + ["to"] * 2


def test_interrupted_grid_goes_on(write, tmp_path, data_root, monkeypatch):
    grid = load_grid(write(axes={"seed": [0, 1]}), tmp_path / "out", data_root)
    real, calls = grid_run.train, []

    def interrupted(config, **options):
        calls.append(options)
        result = real(config, **options)
        if len(calls) == 2:
            return type(result)(result.work_dir, 2, signal.SIGINT, {})
        return result

    monkeypatch.setattr(grid_run, "train", interrupted)
    assert run_grid(grid, report=lambda _: None).stopped
    assert variant_results(grid.variants[0], grid.sets) is not None
    assert variant_results(grid.variants[1], grid.sets) is None
    assert not run_grid(grid, report=lambda _: None).stopped
    assert all(options["resume"] is True for options in calls)
    assert all(variant_results(v, grid.sets) is not None for v in grid.variants)


def test_a_failing_variant_does_not_stop_the_others(write, tmp_path, data_root, monkeypatch):
    grid = load_grid(write(axes={"seed": [0, 1]}), tmp_path / "out", data_root)
    real = grid_run.train

    def failing(config, **options):
        if config.randomness.seed == 0:
            raise ValueError("the loss is not finite")
        return real(config, **options)

    monkeypatch.setattr(grid_run, "train", failing)
    outcome = run_grid(grid, report=lambda _: None)
    (failed,) = outcome.failed.items()
    assert failed[0] == "small, seed 0"
    assert "the loss is not finite" in failed[1]
    assert variant_results(grid.variants[1], grid.sets) is not None


def test_given_weights_are_tested_and_must_belong_to_the_config(
    write, train, tmp_path: Path, data_root
):
    train(tmp_path / "run")
    weights = str(tmp_path / "run" / "iter_8.pth")
    axes = {"v": {"trained": {"checkpoint": weights}}}
    grid = load_grid(write(axes=axes), tmp_path / "out", data_root)
    assert not run_grid(grid, report=lambda _: None).failed
    assert variant_results(grid.variants[0], ["Set5"]).info["checkpoint"] == weights
    wrong = {"v": {"wide": {"checkpoint": weights, "model.network.channels": 8}}}
    with pytest.raises(
        ValueError, match=r"(?s)v: wide: .*belongs to another config.*channels: 4 -> 8"
    ):
        load_grid(write(axes=wrong), tmp_path / "out", data_root)


def test_shards():
    assert shard_of("1/3") == (1, 3)
    assert shard_of("auto", {"RANK": "2", "WORLD_SIZE": "4"}) == (2, 4)
    assert shard_of("auto", {"SLURM_PROCID": "0", "SLURM_NTASKS": "2"}) == (0, 2)
    for text in ("3/3", "x", "1"):
        with pytest.raises(ValueError, match="must be i/n"):
            shard_of(text)
    with pytest.raises(ValueError, match="torchrun or srun"):
        shard_of("auto", {})
