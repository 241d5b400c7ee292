"""Several processes give what one gives; nodes that die come back."""

import csv
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ignn_toolbox.checkpoint import load_checkpoint

from .conftest import same, state

pytestmark = pytest.mark.slow

PLAIN_SGD = [
    "param_scheduler=None",
    "optim_wrapper.optimizer={'_delete_': True, 'type': 'SGD', 'lr': 0.1}",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment() -> dict[str, str]:
    checkout = str(Path(__file__).resolve().parents[2])
    own = {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "PYTHONPATH": checkout}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # where torchrun is
    return os.environ | own | {"PATH": path}


def torchrun(repo_dir: Path, *words: object, **variables: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--master_port", str(free_port())]
    return subprocess.run(
        [*command, *map(str, words)],
        cwd=repo_dir,
        env=environment() | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_two_processes_take_the_steps_of_one(
    train, repo_dir: Path, config_file: Path, data_root: Path, tmp_path: Path
) -> None:
    from ignn_toolbox.engine.config import parse_options

    train(tmp_path / "one", parse_options([*PLAIN_SGD, "batch_size=4"]))
    done = torchrun(
        repo_dir, "--nproc_per_node", 2, "tools/train.py", config_file, "--launcher", "pytorch",
        "--data-root", data_root, "--work-dir", tmp_path / "two",
        "--cfg-options", *PLAIN_SGD, "batch_size=2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "4 samples: 2 processes x 2 x 1 accumulated" in done.stdout + done.stderr
    one = load_checkpoint(tmp_path / "one/iter_8.pth")
    two = load_checkpoint(tmp_path / "two/iter_8.pth")
    assert two["loop"] == one["loop"]
    for key, value in one["state_dict"].items():
        torch.testing.assert_close(two["state_dict"][key], value, rtol=1e-4, atol=1e-6)
    for key, value in one["meta"]["metrics"].items():
        assert two["meta"]["metrics"][key] == pytest.approx(value, abs=1e-3)


def test_two_processes_test_to_the_same_digits(
    train, repo_dir: Path, config_file: Path, data_root: Path, tmp_path: Path
) -> None:
    train(tmp_path / "run", {"train_cfg.max_iters": 1})
    tables = []
    for processes in (1, 2):
        out = tmp_path / f"out{processes}"
        done = torchrun(
            repo_dir, "--nproc_per_node", processes, "tools/test.py", config_file,
            tmp_path / "run/iter_1.pth", "--launcher", "pytorch", "--data-root", data_root,
            "--out", out,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        rows = list(csv.DictReader((out / "per_image.csv").open()))
        tables.append([{**row, "seconds": None} for row in rows])
    assert tables[0] == tables[1]
    assert [row["image"] for row in tables[0]] == list("defgh")


def test_sigterm_stops_all_processes_after_one_iteration(
    train, repo_dir: Path, config_file: Path, data_root: Path, tmp_path: Path
) -> None:
    options = ["batch_size=1", "train_cfg.max_iters=100000", "train_cfg.val_interval=100000"]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2",
        "--master_port", free_port(), "tools/train.py", config_file, "--launcher", "pytorch",
        "--data-root", data_root, "--work-dir", tmp_path, "--cfg-options", *options,
    ]  # fmt: skip
    run = subprocess.Popen(
        list(map(str, command)), cwd=repo_dir, env=environment(), stderr=subprocess.PIPE, text=True
    )
    _wait_for_log(run, tmp_path, "it/s")
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    (saved,) = tmp_path.glob("iter_*.pth")
    loop = load_checkpoint(saved)["loop"]
    assert loop["samples_drawn"] == 2 * loop["iter"] > 0


def test_a_node_that_dies_comes_back_and_the_result_is_the_same(
    repo_dir: Path, config_file: Path, data_root: Path, tmp_path: Path
) -> None:
    options = ["batch_size=1", "train_cfg.max_iters=400", "train_cfg.val_interval=100"]

    def node(work_dir: str, port: int) -> subprocess.Popen:
        command = [
            "bash", "tools/dist_train.sh", config_file, 1, "--resume", "--data-root", data_root,
            "--work-dir", tmp_path / work_dir, "--cfg-options", *options,
        ]  # fmt: skip
        meeting = {"NNODES": "2", "RDZV_ENDPOINT": f"localhost:{port}", "RDZV_ID": work_dir}
        return subprocess.Popen(
            list(map(str, command)),
            cwd=repo_dir,
            env=environment() | meeting,
            stderr=subprocess.DEVNULL,
        )

    port = free_port()
    whole = [node("whole", port) for _ in range(2)]
    assert [one.wait(280) for one in whole] == [0, 0]
    port = free_port()
    cut = [node("cut", port) for _ in range(2)]
    _wait_for_log(cut[0], tmp_path / "cut", r"\[200/400\]")
    _kill_worker(cut[1].pid)
    assert [one.wait(280) for one in cut] == [0, 0]
    assert len(list((tmp_path / "cut").glob("*/*.log"))) > 1
    assert same(state(tmp_path / "whole/iter_400.pth"), state(tmp_path / "cut/iter_400.pth"))


def test_a_port_in_use_is_named(repo_dir: Path, config_file: Path, tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        alone = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_PORT": str(port)}
        done = subprocess.run(
            [sys.executable, "tools/train.py", config_file, "--launcher", "pytorch",
             "--work-dir", tmp_path],
            cwd=repo_dir, env=environment() | alone, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "PORT=" in done.stderr


def test_processes_with_different_data_are_refused(
    config_file: Path, data_root: Path, tmp_path: Path
) -> None:
    fewer = tmp_path / "fewer"
    shutil.copytree(data_root, fewer)
    (fewer / "train/BSDS399/b.png").unlink()
    port = str(free_port())
    running = []
    for rank, data in enumerate((data_root, fewer)):
        place = {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)}
        words = [config_file, "--launcher", "pytorch", "--data-root", data, "--work-dir", tmp_path]
        running.append(
            subprocess.Popen(
                [sys.executable, "tools/train.py", *map(str, words)],
                cwd=Path(__file__).resolve().parents[2],
                env=environment() | place | {"MASTER_PORT": port},
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 1
        assert "different numbers of training samples, [3, 2]" in errors


def _wait_for_log(run: subprocess.Popen, work_dir: Path, pattern: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and run.poll() is None:
        if any(re.search(pattern, path.read_text()) for path in work_dir.glob("*/*.log")):
            return
        time.sleep(0.05)
    raise AssertionError(f"no log line {pattern} in {work_dir}")


def _kill_worker(agent: int) -> None:
    """Kills the training process of an elastic agent, as an out-of-memory killer would."""
    children = Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
    for child in children:
        words = Path(f"/proc/{child}/cmdline").read_text()
        if "tools/train.py" in words:
            os.kill(int(child), signal.SIGKILL)
            return
    raise AssertionError("the agent runs no training process")
