"""The README says what is so: its commands exist, its figures are those of the metafiles."""

import importlib.util
import re

import pytest

from ignn_toolbox.cli import COMMANDS
from ignn_toolbox.commands.models import markdown_table
from ignn_toolbox.zoo import zoo_models


@pytest.fixture(scope="module")
def readme(repo_dir) -> str:
    return (repo_dir / "README.md").read_text(encoding="utf-8")


def test_model_table_is_the_metafiles(readme):
    table = re.search(r"<!-- models: [^>]*-->\n(.*?)<!-- /models -->", readme, re.DOTALL)[1]
    models = zoo_models()
    expected = markdown_table(models[name] for name in sorted(models)) + "\n" if models else ""
    assert table == expected, "paste the output of `ignn models --markdown`"


def test_commands_exist(readme):
    named = set(re.findall(r"^ignn (\w+)", readme, re.MULTILINE))
    assert named
    assert named <= {name for name, _ in COMMANDS}


@pytest.fixture(scope="module")
def runner(repo_dir):
    """The program that runs the README in CI."""
    spec = importlib.util.spec_from_file_location("ci_readme", repo_dir / ".ci" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ci_runs_every_block_or_says_why_not(readme, runner):
    blocks = runner.blocks(readme)
    assert len(blocks) == len(re.findall(r"^```(?:bash|python)$", readme, re.MULTILINE))
    left_out = [block for block in blocks if "skip" in block.needs]
    assert all(block.needs["skip"] for block in left_out)
    assert len(left_out) < len(blocks) / 2
    with pytest.raises(ValueError, match="ci: sometimes: not known"):
        runner.blocks("<!-- ci: data; sometimes -->\n```bash\ntrue\n```")


def test_short_runs_are_what_is_printed_and_options(runner):
    text = "ignn train A --data-root data  # trains\nignn train B \\\n    --cfg-options a=1\nls\n"
    options = runner.TWO.removeprefix("--cfg-options ")
    assert runner.shortened(text) == (
        f"ignn train A --data-root data --cfg-options {options} # trains\n"
        f"ignn train B --cfg-options a=1 {options}\nls\n"
    )


def test_a_block_fails_with_its_first_command_and_a_page_is_stopped(runner, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(runner.subprocess.CalledProcessError):
        runner.run(runner.Block("bash", "false\ntouch after\n", 1))
    assert not (tmp_path / "after").exists()
    page = "echo starting; echo open http://127.0.0.1; sleep 600"
    runner.run(runner.Block("bash", page, 1, {"address": []}))
    with pytest.raises(runner.subprocess.CalledProcessError):
        runner.run(runner.Block("bash", "echo failed; exit 3", 1, {"address": []}))
