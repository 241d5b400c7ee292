"""`ignn new`: what it makes works as it is, outside any checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def _run(folder: Path, *words: object) -> subprocess.CompletedProcess:
    checkout = str(Path(__file__).resolve().parents[2])
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": checkout, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_new_project_trains_and_its_own_parts_take_part(
    cli, data_root: Path, tmp_path: Path
) -> None:
    status, out, err = cli("new", tmp_path / "fresh-parts")
    assert status == 0, err
    assert "ignn train configs/fresh_parts.py --data-root DIR" in out
    project = tmp_path / "fresh-parts"
    files = {str(p.relative_to(project)) for p in project.rglob("*") if p.is_file()}
    own = {f"fresh_parts/{name}.py" for name in ("__init__", "aggregator", "loss", "dataset")}
    other = {"configs/fresh_parts.py", "tests/test_fresh_parts.py", "pyproject.toml", "README.md"}
    assert files == own | other
    assert not [f for f in files if "project_name" in (project / f).read_text()]
    options = ["train_cfg.max_iters=2", "batch_size=2", "lq_size=12"]
    train = ["-m", "ignn_toolbox", "train", "configs/fresh_parts.py", "--data-root", data_root]
    done = _run(project, *train, "--cfg-options", *options)
    assert done.returncode == 0, done.stderr
    from ignn_toolbox.checkpoint import load_checkpoint

    content = load_checkpoint(project / "work_dirs/fresh_parts/iter_2.pth")
    assert content["state_dict"]["network.aggregator.project.weight"].abs().sum() > 0
    config = content["meta"]["training_config"]
    assert config["model"]["loss"]["type"] == "EdgeLoss"
    assert config["train_dataloader"]["dataset"]["type"] == "MarginDataset"


@pytest.mark.slow
def test_a_new_project_s_own_tests_pass(cli, tmp_path: Path) -> None:
    cli("new", tmp_path / "fresh")
    done = _run(tmp_path / "fresh", "-m", "pytest", "-q")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("taken", "is there already"),
        ("3d", "cannot name a Python module; begin it with a letter"),
        ("for", "cannot name a Python module"),
        ("torch", "a module `torch` is installed already"),
        ("ignn_toolbox", "is installed already"),
        ("__", "cannot name a Python module"),
    ],
)
def test_names_that_cannot_be_a_project_are_refused(cli, tmp_path, name: str, reason: str) -> None:
    (tmp_path / "taken").mkdir()
    status, _, err = cli("new", tmp_path / name)
    assert status == 1
    assert reason in err
    assert {p.name for p in tmp_path.iterdir()} == {"taken"}
