"""Runs `on_pretend_device` in a process of its own: once made, the device is there for good."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).with_name("on_pretend_device.py")


@pytest.mark.slow
@pytest.mark.parametrize("which", ["slow", "not slow"], ids=["long", "quick"])
def test_on_pretend_device(which, repo_dir):
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-m", which, str(TESTS)]
    run = subprocess.run(command, cwd=repo_dir, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-4000:]
