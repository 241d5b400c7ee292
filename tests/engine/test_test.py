"""Testing on several sets in one run."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ignn_toolbox.apis import import_checkpoint
from ignn_toolbox.datasets.degradations import bicubic_lr
from ignn_toolbox.datasets.transforms import modcrop
from ignn_toolbox.engine.config import load_config
from ignn_toolbox.engine.test import test as start
from ignn_toolbox.evaluation.protocols import score, to_uint8
from ignn_toolbox.images import read_image


@pytest.fixture
def weights(train, tmp_path: Path) -> Path:
    train(tmp_path / "run", {"train_cfg.max_iters": 1})
    return tmp_path / "run/iter_1.pth"


def test_every_present_set_is_scored_image_by_image(
    config_file: Path, data_root: Path, weights: Path, tmp_path: Path
) -> None:
    config = load_config(config_file, data_root=data_root)
    results = start(config, weights, out_dir=tmp_path / "out", save_images=True)
    assert [(m.dataset, m.images, m.protocol) for m in results.means] == [
        ("Set5", 3, "y-float"),
        ("Set14", 2, "y-float"),
    ]
    rows = list(csv.DictReader((tmp_path / "out/per_image.csv").open()))
    assert [row["image"] for row in rows] == list("defgh")
    for row in rows:
        sr = read_image(tmp_path / f"out/images/{row['dataset']}/{row['image']}.png")
        gt = read_image(data_root / f"bench/{row['dataset']}/{row['image']}.png")
        gt = gt[: sr.shape[0], : sr.shape[1]]
        given = read_image(tmp_path / f"out/inputs/{row['dataset']}/{row['image']}.png")
        assert (given == bicubic_lr(gt, 2)).all()
        np.testing.assert_allclose(
            score(sr, gt, 2, "y-float"), (float(row["psnr"]), float(row["ssim"])), rtol=1e-12
        )
    content = json.loads((tmp_path / "out/results.json").read_text())
    assert [text.split(":")[0] for text in content["info"]["left_out"]] == [
        "BSD100",
        "Urban100",
        "Manga109",
    ]
    # What comparisons and reports look for.
    for dataset in ("Set5", "Set14"):
        assert content["info"]["gt_dirs"][dataset] == str(data_root / "bench" / dataset)
        assert content["info"]["sr_dirs"][dataset] == str(tmp_path / "out/images" / dataset)


def test_the_sets_that_are_named_are_scored(
    cli, config_file: Path, data_root: Path, weights: Path, tmp_path: Path
) -> None:
    words = ["test", config_file, weights, "--data-root", data_root, "--out", tmp_path / "out"]
    status, out, err = cli(*words, "--sets", "Set14")
    assert status == 0, err
    assert "Set14 (2)" in out
    assert "Set5" not in out
    assert json.loads((tmp_path / "out/results.json").read_text())["info"]["left_out"] == []
    status, _, err = cli(*words, "--sets", "Set14", "Set6")
    assert (status, "unknown set `Set6`" in err, "did you mean `Set5`?" in err) == (1, True, True)
    status, _, err = cli(*words, "--sets", "Set14", "Urban100")
    assert status == 1
    assert f"Urban100: there is no folder {data_root}/bench/Urban100" in err


def test_a_zoo_model_is_called_by_its_zoo_name(cli, data_root: Path, tmp_path: Path) -> None:
    words = ["--data-root", data_root, "--sets", "Set5", "--out", tmp_path]
    status, out, err = cli("test", "bicubic_x2", *words)
    assert status == 0, err
    assert json.loads((tmp_path / "results.json").read_text())["model"] == "bicubic_x2"
    cli("test", "edsr_tiny_x2", *words)
    assert json.loads((tmp_path / "results.json").read_text())["model"] == "edsr_tiny_x2"


def test_four_bases_make_a_config_that_can_be_tested(
    cli, data_root: Path, weights: Path, tmp_path: Path
) -> None:
    """Model, data, schedule, runtime; nothing else."""
    bases = ["models/edsr_tiny", "datasets/bsds_t91", "schedules/tiny_cosine", "runtime/default"]
    file = tmp_path / "four.py"
    names = [f"ignn_toolbox::_base_/{base}.py" for base in bases]
    file.write_text(
        f"_base_ = {names!r}\nmodel = dict(network=dict(channels=4, num_blocks=1))\n"
        f"work_dir = {str(tmp_path / 'runs')!r}\n"
    )
    status, out, err = cli("test", file, weights, "--data-root", data_root, "--sets", "Set5")
    assert status == 0, err
    assert (tmp_path / "runs/test/results.json").is_file()
    file.write_text(f"_base_ = {[n for n in names if 'datasets' not in n]!r}\n")
    status, _, err = cli("test", file, weights, "--data-root", data_root)
    assert status == 1
    assert "ignn_toolbox::_base_/datasets/benchmarks.py has them" in err


def test_validation_covers_several_sets_too(train, tmp_path: Path) -> None:
    def loader(name: str) -> dict:
        return dict(
            batch_size=1,
            sampler=dict(type="DefaultSampler", shuffle=False),
            dataset=dict(
                type="RestorationDataset",
                gt_dir=f"bench/{name}",
                pipeline=[dict(type="PackInputs")],
            ),
        )

    options = {
        "val_dataloader": [loader("Set5"), loader("Set14")],
        "val_evaluator": [dict(type="SRMetric"), dict(type="SRMetric", protocol="rgb")],
        "default_hooks.checkpoint.save_best": "Set14/PSNR_rgb",
    }
    result = train(tmp_path, options)
    assert set(result.metrics) == {
        f"{name}/{figure}{suffix}"
        for name in ("Set5", "Set14")
        for figure in ("PSNR", "SSIM")
        for suffix in ("", "_rgb")
    }
    assert len(list(tmp_path.glob("best_Set14_PSNR_rgb_iter_*.pth"))) == 1


def test_no_set_at_all_is_an_error(config_file: Path, weights: Path, tmp_path: Path) -> None:
    config = load_config(config_file, data_root=tmp_path)
    with pytest.raises(FileNotFoundError, match="none of the benchmark sets"):
        start(config, weights, out_dir=tmp_path / "out")


def test_weights_of_another_network_are_refused(
    config_file: Path, data_root: Path, weights: Path, tmp_path: Path
) -> None:
    config = load_config(config_file, {"model.network.channels": 6}, data_root=data_root)
    with pytest.raises(ValueError, match=r"stem\.weight is \(4, 3, 3, 3\), the model has \(6, 3"):
        start(config, weights, out_dir=tmp_path / "out")


def test_the_command_prints_a_table(cli, config_file, data_root, weights, tmp_path) -> None:
    words = ["test", config_file, weights, "--data-root", data_root, "--out", tmp_path / "o"]
    status, out, _ = cli(*words, "--name", "small")
    assert status == 0
    assert all(word in out for word in ("y-float", "small", "Set5 (3)", "Set14 (2)"))
    status, _, err = cli("test", config_file, tmp_path / "absent.pth")
    assert status == 1
    assert "absent.pth does not exist" in err


def test_every_picture_says_what_became_of_tuning(
    cli, config_file, data_root, weights, tmp_path
) -> None:
    words = ["test", config_file, weights, "--data-root", data_root, "--sets", "Set14"]
    status, _, err = cli(*words, "--out", tmp_path / "tuned", "--adapt", "1")
    assert status == 0, err
    rows = list(csv.DictReader((tmp_path / "tuned/per_image.csv").open()))
    assert {row["tuned"] for row in rows} <= {"0", "1"}
    assert all(row["predicted_gain"] == "" or float(row["predicted_gain"]) for row in rows)
    assert all(row["predicted_gain"] for row in rows if row["tuned"] == "1")
    status, _, err = cli(*words, "--out", tmp_path / "plain")
    assert status == 0, err
    assert "tuned" not in (tmp_path / "plain/per_image.csv").read_text()
    status, _, err = cli(*words, "--adapt-kernel", "gaussian:1.2")
    assert (status, "--adapt-kernel belongs to --adapt" in err) == (1, True)
    status, _, err = cli(*words, "--adapt", "--adapt-kernel", "gaussian:0")
    assert (status, "gaussian:SIGMA" in err) == (1, True)


def test_a_checkpoint_alone_is_scored(cli, data_root, weights, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = cli("test", weights, "--data-root", data_root / "bench" / "..")
    assert (status, err) == (0, "")
    assert "iter_1" in out
    alone = json.loads((tmp_path / "work_dirs/iter_1/test/results.json").read_text())
    assert alone["model"] == "iter_1"
    named = ("--name", "mine", "--out", "named", "--cfg-options", "model.self_ensemble=true")
    assert cli("test", weights, "--data-root", data_root, *named)[0] == 0
    turned = json.loads((tmp_path / "named/results.json").read_text())
    assert turned["model"] == "mine"
    assert turned["info"]["sha256"] == alone["info"]["sha256"]
    assert [r["psnr"] for r in turned["images"]] != [r["psnr"] for r in alone["images"]]


def test_an_imported_checkpoint_is_scored_as_the_network_is(
    cli, data_root, golden_dir, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    golden = np.load(golden_dir / "edsr" / "edsr_x2.npz")
    state = {k[2:]: torch.from_numpy(golden[k]) for k in golden.files if k.startswith("w/")}
    torch.save({"model": {f"module.{name}": value for name, value in state.items()}}, "foreign.pth")
    status, _, err = cli("test", "foreign.pth", "--data-root", data_root)
    assert status == 1
    assert "convert a foreign file with `ignn import`" in err
    assert cli("import", "foreign.pth", "-o", "imported.pth")[0] == 0
    assert cli("test", "imported.pth", "--data-root", data_root, "--save-images")[0] == 0
    results = json.loads(Path("work_dirs/imported/test/results.json").read_text())
    network = import_checkpoint("foreign.pth")
    for record in results["images"]:
        name = f"{record['dataset']}/{record['image']}.png"
        gt = modcrop(read_image(data_root / "bench" / name), 2)
        lq = torch.from_numpy(bicubic_lr(gt, 2)).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            sr = to_uint8(network(lq)[0].permute(1, 2, 0).numpy())
        assert score(sr, gt, 2)[0] == pytest.approx(record["psnr"], abs=1e-3)
