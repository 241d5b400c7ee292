"""A training that takes seconds: drawn pictures, a network of a few hundred parameters."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ignn_toolbox.checkpoint import load_checkpoint
from ignn_toolbox.images import write_image

CONFIG = """
_base_ = ["{base}/datasets/bsds_t91.py", "{base}/datasets/benchmarks.py",
          "{base}/schedules/tiny_cosine.py", "{base}/runtime/default.py"]
model = dict(
    type="Restorer",
    network=dict(type="EDSR", scale=2, channels=4, num_blocks=1, compact=True),
    loss=dict(type="L1Loss"),
)
batch_size = 2
lq_size = 12
train_cfg = dict(max_iters=8, val_interval=4)
default_hooks = dict(logger=dict(interval=2))
"""


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in the layout that the base configs expect: two for training, five to test on."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    sizes = {
        "train/BSDS399/a": (60, 64),
        "train/BSDS399/b": (64, 48),
        "train/BSDS399/held_out": (40, 44),
        "train/T91/c": (22, 20),
        "bench/Set5/d": (32, 34),
        "bench/Set5/e": (30, 30),
        "bench/Set5/f": (36, 28),
        "bench/Set14/g": (28, 32),
        "bench/Set14/h": (33, 35),
    }
    for name, size in sizes.items():
        write_image(root / f"{name}.png", rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    (root / "train/bsds399_val20.txt").write_text("held_out\n")
    return root


@pytest.fixture(scope="session")
def config_file(tmp_path_factory: pytest.TempPathFactory, repo_dir: Path) -> Path:
    """A config of the small training."""
    path = tmp_path_factory.mktemp("config") / "small.py"
    path.write_text(CONFIG.format(base=repo_dir / "configs/_base_"))
    return path


@pytest.fixture
def train(config_file: Path, data_root: Path) -> Callable:
    """Trains: ``train(work_dir, options, **arguments of engine.train)``."""
    from ignn_toolbox.engine.config import load_config
    from ignn_toolbox.engine.train import train as start

    def run(work_dir: Path, options: dict | None = None, **arguments):
        config = load_config(config_file, options, data_root=data_root)
        return start(config, work_dir=work_dir, **arguments)

    return run


def forked(function: Callable, *arguments, **keywords) -> int:
    """Runs a function in a forked process; returns the exit code, minus the signal's number."""
    process = multiprocessing.get_context("fork").Process(
        target=function, args=arguments, kwargs=keywords
    )
    process.start()
    process.join(120)
    return process.exitcode


def state(path: Path) -> dict[str, torch.Tensor]:
    """Everything that decides how a run goes on, as flat tensors."""
    content = load_checkpoint(path)
    parts = {"weights": content["state_dict"], "optimizer": content["optimizer"]["state"]}
    parts |= {"schedules": content["param_schedulers"], "loop": content["loop"]}
    parts |= {"ema": content.get("ema_state_dict", {})}
    return dict(_flat(parts))


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Whether two states are equal bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def _flat(node, prefix: str = ""):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flat(value, f"{prefix}/{key}")
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            yield from _flat(value, f"{prefix}/{index}")
    elif isinstance(node, torch.Tensor):
        yield prefix, node
    elif isinstance(node, int | float):
        yield prefix, torch.tensor(node, dtype=torch.float64)
