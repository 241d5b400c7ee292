"""What tests of several rooms share: outside data, golden cases, small networks' files."""

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

TESTS = Path(__file__).resolve().parent
sys.path.append(str(TESTS.parent / "benchmarks"))  # measuring programs are tested as modules
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is imported, by whichever test


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small tensors gain nothing from threads, and tests may run side by side."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def repo_dir() -> Path:
    """The checkout that these tests belong to."""
    return TESTS.parent


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """The golden cases that the repository carries: a few of those in ``shared_dir``."""
    return TESTS / "data" / "golden"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of benchmark data, training data and golden cases beside the checkout.

    ``IGNN_SHARED`` names another place. Tests that need it are skipped where it is absent.
    """
    folder = Path(os.environ.get("IGNN_SHARED", TESTS.parents[1] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"needs the data of {folder} (IGNN_SHARED names another folder)")
    return folder


@pytest.fixture(scope="session")
def extra():
    """Imports a package of the extras by name: for tests marked ``extras``.

    Without the package the test is skipped, and fails in CI, which installs it.
    """

    def load(name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ImportError as error:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"needs {name}: {error}")

    return load


@pytest.fixture
def nearest_restorer() -> torch.nn.Module:
    """A restorer whose result can be foretold: x2 by repeating pixels."""
    from ignn_toolbox.models import Network, NetworkSpec

    class Nearest(Network):
        spec = NetworkSpec(2)

        def run(self, lq, go):
            return go.local(torch.nn.Upsample(scale_factor=2, mode="nearest"), lq)

    restorer = torch.nn.Module()
    restorer.network = Nearest()
    restorer.scale = 2
    return restorer


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory) -> Path:
    """A checkpoint file of a small, freshly initialised IGNN x2, as training would leave it."""
    from ignn_toolbox.registry import MODELS

    graph = {"type": "GraphAgg", "channels": 8, "scale": 2, "embedder": {"type": "RGBEmbedder"}}
    network = {"type": "EDSR", "scale": 2, "channels": 8, "num_blocks": 2, "aggregator": graph}
    config = {"type": "Restorer", "network": network}
    torch.manual_seed(0)
    state = MODELS.build(config).state_dict()
    path = tmp_path_factory.mktemp("checkpoint") / "tiny_x2.pth"
    meta = {"config": config, "scale": 2, "toolbox_version": "test", "metrics": {}}
    torch.save({"meta": meta, "state_dict": state}, path)
    return path


@pytest.fixture
def cli(capsys):
    """Runs ``ignn WORDS...`` in this process: returns its exit status, stdout and stderr."""
    from ignn_toolbox.cli import main

    def run(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run
