"""The package starts where modules are missing that only Unix has."""

import os
import subprocess
import sys

import pytest

from ignn_toolbox.cli import COMMANDS

BLOCKED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "resource", "pwd", "grp", "termios"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
for name in ("fcntl", "resource"):
    sys.modules.pop(name, None)
"""


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + code], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_api_is_imported_and_locks_work(tmp_path) -> None:
    code = (
        "import ignn_toolbox.apis\nfrom ignn_toolbox.files import locked\n"
        f"with locked({str(tmp_path / 'lock')!r}):\n    print(ignn_toolbox.apis.list_models()[0])"
    )
    assert run(code).strip() == "bicubic_x2"
    assert run("import ignn_toolbox.engine, ignn_toolbox.engine.train") == ""


def test_every_command_explains_itself() -> None:
    names = [name for name, _ in COMMANDS]
    code = f"""
from ignn_toolbox.cli import main
for name in {names!r}:
    try:
        main([name, "--help"])
    except SystemExit as stop:
        assert stop.code == 0, name
"""
    out = run(code)
    for name in names:
        assert f"usage: ignn {name} " in out


@pytest.mark.parametrize("module", ["fcntl", "resource"])
def test_the_block_holds(module) -> None:
    with pytest.raises(AssertionError, match=f"No module named '{module}'"):
        run(f"import {module}")
