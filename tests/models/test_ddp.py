"""Networks in two processes: the gradients are those of one, and every parameter has one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from .in_two_processes import CASES, PATIENCE, SEVERAL, Trained, gradients, step

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(tmp_path_factory, repo_dir):
    """The gradients of both processes, by case."""
    folder = tmp_path_factory.mktemp("ddp")
    environment = os.environ | {"PYTHONPATH": str(repo_dir)}
    running = []
    for rank in range(2):
        command = [sys.executable, "-m", "models.in_two_processes", str(rank), str(folder)]
        with open(folder / f"{rank}.txt", "w") as log:
            running.append(
                subprocess.Popen(
                    command,
                    cwd=Path(__file__).parents[1],
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
    try:
        statuses = [process.wait(2 * PATIENCE.total_seconds()) for process in running]
    finally:
        for process in running:
            process.kill()
    logs = [(folder / f"{rank}.txt").read_text()[-3000:] for rank in range(2)]
    assert statuses == [0, 0], "\n".join(logs)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def test_networks_of_several_outputs_are_among_them():
    assert {"LapSRN", "SRFBN"} <= set(SEVERAL)


@pytest.mark.parametrize("name", CASES)
def test_two_processes_have_the_gradients_of_one(name, two):
    case = CASES[name]
    trained = Trained(case)
    step(trained, case)
    tolerance = 2e-2 if case.is_bfloat16 else 1e-9
    for key, expected in gradients(trained).items():
        assert expected is not None, f"{key} is not used"
        assert torch.equal(two[0][name][key], two[1][name][key]), key
        largest = max(1e-3, float(expected.abs().max()))
        assert float((two[0][name][key] - expected).abs().max()) <= tolerance * largest, key
