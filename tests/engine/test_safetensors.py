"""A ``.safetensors`` file does wherever a checkpoint is asked for, in every command."""

from pathlib import Path

import pytest
import torch

from ignn_toolbox.apis import import_checkpoint, init_model
from ignn_toolbox.checkpoint import load_checkpoint, save_checkpoint
from ignn_toolbox.images import write_image
from ignn_toolbox.zoo.warm_start import warm_start

pytest.importorskip("safetensors")


@pytest.fixture
def both(train, tmp_path: Path) -> tuple[Path, Path]:
    """A trained checkpoint, and the same weights as ``.safetensors``."""
    train(tmp_path / "run", {"train_cfg.max_iters": 1})
    (best,) = (tmp_path / "run").glob("best_*.pth")
    save_checkpoint(load_checkpoint(best), tmp_path / "same.safetensors")
    return best, tmp_path / "same.safetensors"


def test_models_are_built_from_it(both) -> None:
    one, two = (init_model(path).state_dict() for path in both)
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.slow
def test_the_test_command_scores_it_alike(cli, both, config_file, data_root, tmp_path) -> None:
    tables = []
    for number, path in enumerate(both):
        out = tmp_path / str(number)
        words = ("test", config_file, path, "--data-root", data_root, "--out", out)
        status, _, err = cli(*words)
        assert status == 0, err
        rows = (out / "per_image.csv").read_text().splitlines()
        tables.append([row.split(",")[:5] for row in rows])
    assert tables[0] == tables[1]


def test_upscale_uses_it(cli, both, tmp_path: Path) -> None:
    picture = torch.randint(0, 256, (12, 14, 3), dtype=torch.uint8).numpy()
    write_image(tmp_path / "a.png", picture)
    results = []
    for number, path in enumerate(both):
        out = tmp_path / f"{number}.png"
        status, _, err = cli("upscale", tmp_path / "a.png", "-o", out, "--model", path)
        assert status == 0, err
        results.append(out.read_bytes())
    assert results[0] == results[1]


@pytest.mark.slow
def test_a_training_starts_from_it(train, both, tmp_path: Path) -> None:
    best, same = both
    ends = []
    for path in both:
        options = {"model.network.init_cfg": {"type": "Pretrained", "checkpoint": str(path)}}
        options |= {"train_cfg.max_iters": 1}
        train(tmp_path / path.suffix, options)
        ends.append(load_checkpoint(tmp_path / path.suffix / "iter_1.pth")["state_dict"])
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
    train(tmp_path / "load_from", {"load_from": str(same), "train_cfg.max_iters": 1})
    loaded = load_checkpoint(tmp_path / "load_from" / "iter_1.pth")["state_dict"]
    assert all(torch.equal(ends[0][key], loaded[key]) for key in loaded)
    with pytest.raises(ValueError, match="holds weights only and cannot be resumed"):
        train(tmp_path / "resumed", resume=same)
    assert warm_start(init_model(best), same).fresh == []


def test_foreign_files_are_imported_from_it(cli, tmp_path: Path) -> None:
    state = {"head.0.weight": torch.randn(8, 3, 3, 3), "head.0.bias": torch.randn(8)}
    for block in range(2):
        for conv in (0, 2):
            state[f"body.{block}.body.{conv}.weight"] = torch.randn(8, 8, 3, 3)
            state[f"body.{block}.body.{conv}.bias"] = torch.randn(8)
    state |= {"body.2.weight": torch.randn(8, 8, 3, 3), "body.2.bias": torch.randn(8)}
    state |= {"tail.0.0.weight": torch.randn(32, 8, 3, 3), "tail.0.0.bias": torch.randn(32)}
    state |= {"tail.1.weight": torch.randn(3, 8, 3, 3), "tail.1.bias": torch.randn(3)}
    for name in ("sub_mean", "add_mean"):
        state[f"{name}.weight"], state[f"{name}.bias"] = (
            torch.eye(3)[..., None, None],
            torch.ones(3),
        )
    torch.save(state, tmp_path / "edsr.pt")
    save_checkpoint({"state_dict": state}, tmp_path / "edsr.safetensors")
    lq = torch.rand(1, 3, 10, 12)
    one, two = (import_checkpoint(tmp_path / f"edsr.{kind}") for kind in ("pt", "safetensors"))
    assert torch.equal(one(lq), two(lq))
    out = tmp_path / "ours.safetensors"
    status, _, err = cli("import", tmp_path / "edsr.safetensors", "-o", out)
    assert status == 0, err
    assert torch.equal(init_model(out).network(lq), one(lq))
