"""The dispatcher: help without heavy imports, user errors in one line, honest exit statuses."""

import gc
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ignn_toolbox import cli, commands


def test_help_lists_every_command_and_imports_none():
    code = """
import sys
from ignn_toolbox.cli import main
try:
    main(["--help"])
except SystemExit:
    print("torch" in sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "False"
    for name, summary in cli.COMMANDS:
        assert name in done.stdout
        assert summary in done.stdout


def test_every_command_is_listed_once_and_none_is_forgotten():
    names = [name for name, _ in cli.COMMANDS]
    assert len(set(names)) == len(names)
    modules = {path.stem.rstrip("_") for path in Path(commands.__file__).parent.glob("[a-z]*.py")}
    assert modules == set(names)


@pytest.mark.parametrize("name", [name for name, _ in cli.COMMANDS])
def test_every_command_shows_help_with_an_example(name, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main([name, "--help"])
    assert left.value.code == 0
    assert f"ignn {name}" in capsys.readouterr().out.split("example", 1)[1]


def test_completion_of_bash_completes_commands_options_and_files(tmp_path):
    command = [sys.executable, "-m", "ignn_toolbox", "--completion", "bash"]
    script = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (tmp_path / "script").write_text(script)

    def completed(*words: str) -> list[str]:
        run = """
        . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        $(complete -p ignn | sed 's/.*-F \\([^ ]*\\).*/\\1/') ignn "${COMP_WORDS[-1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
        """
        done = ["bash", "-c", run, "bash", str(tmp_path / "script"), "ignn", *words]
        return subprocess.run(done, capture_output=True, text=True, check=True).stdout.split()

    assert completed("up") == ["upscale"]
    assert {"--skip-existing", "--self-ensemble"} <= set(completed("upscale", "--s"))
    assert completed("upscale", "x", "--tile-mode", "ex") == ["exact"]


def test_no_help_needs_torch():
    """CI shows every command's help on Pythons where torch is not installed."""
    code = """
import sys
sys.modules["torch"] = None
from ignn_toolbox.cli import COMMANDS, main
for name, _ in COMMANDS:
    try:
        status = main([name, "--help"])
    except SystemExit as left:
        status = left.code
    assert status == 0, name
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_unknown_command_names_the_nearest(capsys):
    assert cli.main(["upscal"]) == 2
    assert "did you mean `upscale`?" in capsys.readouterr().err


def test_module_runs_as_program():
    command = [sys.executable, "-m", "ignn_toolbox", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ignn_toolbox ")


def _raise(error: BaseException):
    def run(args):
        raise error

    return run


def test_a_stop_is_said_and_has_its_own_status(capsys, monkeypatch):
    from ignn_toolbox.commands import models

    monkeypatch.setattr(models, "run", _raise(KeyboardInterrupt()))
    assert cli.main(["models"]) == 130
    assert capsys.readouterr().err.strip() == "ignn models: stopped"


def test_an_error_raised_on_purpose_is_its_own_words(capsys, tmp_path):
    assert cli.main(["evaluate", str(tmp_path / "sr"), str(tmp_path), "--scale", "2"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ignn evaluate: error: ")
    assert "IGNN_DEBUG" not in line


@pytest.mark.parametrize(
    "error",
    [
        AttributeError("bug"),
        RuntimeError("size of tensor a\nand more"),
        RecursionError(),
        AssertionError(),
        ValueError("too many values to unpack"),
        ImportError("no x"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_else_escapes_is_one_line_that_names_the_place(error, capsys, monkeypatch):
    from ignn_toolbox.commands import models

    monkeypatch.setattr(models, "run", _raise(error))
    assert cli.main(["models"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"ignn models: error: {type(error).__name__}: ")
    assert "IGNN_DEBUG=1 shows the trace" in line
    assert re.search(r"test_cli\.py, line \d+$", line)


def test_debug_variable_keeps_the_traceback(monkeypatch):
    from ignn_toolbox.commands import models

    def run(args):
        raise ValueError("scale=7")

    monkeypatch.setattr(models, "run", run)
    monkeypatch.setenv("IGNN_DEBUG", "1")
    with pytest.raises(ValueError, match="scale=7"):
        cli.main(["models"])


def test_sigterm_lets_a_command_clean_up():
    """Batch systems stop a process by it; nothing half-written may stay."""
    code = """
import os, signal, sys
from ignn_toolbox import cli
from ignn_toolbox.commands import models
def run(args):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    finally:
        print("cleaned up")
models.run = run
sys.exit(cli.main(["models"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (130, "cleaned up\n")
    assert "ignn models: stopped" in done.stderr


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_collection_is_left_as_it_was(collects, capsys):
    frozen, enabled = gc.get_freeze_count(), gc.isenabled()
    try:
        gc.enable() if collects else gc.disable()
        assert cli.main(["models"]) == 0
        assert gc.isenabled() == collects
        assert gc.get_freeze_count() == frozen
    finally:
        gc.enable() if enabled else gc.disable()
