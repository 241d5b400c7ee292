"""The README says what is so: its commands exist, its figures are those of the metafiles."""

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
