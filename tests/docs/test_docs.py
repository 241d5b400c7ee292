"""The documentation knows every command and component, and what it shows can be run."""

import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

from ignn_toolbox import apis, cli
from ignn_toolbox.zoo import zoo_models
from ignn_toolbox.zoo.index import bundled_configs

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CONFIG_NAME = re.compile(r"[\w-]+_x\d[a-z]\w*_\dxb\d+-\d+k_[a-z][\w-]*")


@pytest.fixture(scope="module")
def pages(repo_dir) -> dict[str, str]:
    """Text of the hand-written pages by name."""
    found = sorted((repo_dir / "docs").glob("*.md"))
    assert found
    return {path.stem: path.read_text(encoding="utf-8") for path in found}


@pytest.fixture(scope="module")
def extension(repo_dir):
    """Imports a module of ``docs/_ext`` that needs no Sphinx."""
    folder = str(repo_dir / "docs" / "_ext")
    sys.path.insert(0, folder)
    yield importlib.import_module
    sys.path.remove(folder)


def blocks(text: str, language: str) -> list[str]:
    return [body for found, body in _BLOCK.findall(text) if found == language]


def command_lines(pages: dict[str, str]) -> list[list[str]]:
    """Words of every ``ignn`` command in the pages' shell blocks, without ``ignn``."""
    lines = []
    for page in pages.values():
        for block in blocks(page, "bash"):
            for line in re.split(r"\n|&&", block.replace("\\\n", " ")):
                words = shlex.split(line, comments=True)
                if "ignn" in words:
                    lines.append(words[words.index("ignn") + 1 :])
    return lines


def test_every_command_is_shown_by_hand_and_in_the_reference(pages, extension):
    shown = {words[0] for words in command_lines(pages)}
    names = {name for name, _ in cli.COMMANDS}
    assert names == shown
    reference = extension("catalogue").command_reference()
    assert all(f"## ignn {name}\n" in reference for name in names)


def test_every_command_line_is_accepted(pages, extension):
    parser = extension("catalogue").command_parser
    for words in command_lines(pages):
        parser(words[0]).parse_args(words[1:])


def test_every_component_is_in_the_catalogue(extension):
    catalogue = extension("catalogue")
    text = catalogue.catalogue()
    components = list(catalogue.components())
    kinds = {name for name, _, _ in components}
    assert {"MODELS", "DATASETS", "TRANSFORMS", "METRICS", "HOOKS"} <= kinds
    for _, name, component in components:
        assert f"### {name}\n\n`{component.__module__}`" in text


def test_every_argument_is_described(extension):
    docstrings, catalogue = extension("docstrings"), extension("catalogue")
    owners = [component for _, _, component in catalogue.components()]
    owners += [getattr(apis, name) for name in apis.__all__]
    missing = {owner.__name__: docstrings.undocumented(owner) for owner in owners}
    assert {name: arguments for name, arguments in missing.items() if arguments} == {}
    assert [owner.__name__ for owner in owners if not docstrings.text(owner)] == []


def test_named_configs_exist(pages):
    example = "edsr-tiny-nearest_x2c32b8_1xb16-7k_bsds-t91"
    named = {name for page in pages.values() for name in _CONFIG_NAME.findall(page)}
    assert example in named
    assert named - {example} <= set(bundled_configs())


def test_zoo_and_benchmarks_are_what_the_files_say(repo_dir, extension, tmp_path):
    measured = extension("measured")
    zoo, details = measured.zoo(), measured.zoo_details()
    for name, model in zoo_models().items():
        assert f"### {name}\n" in details
        assert model.sha256 is None or model.sha256 in details
        assert f"| {name} |" in zoo
        for row in model.results:  # a card has them all, the table those of shared sets
            assert f"| {row['PSNR']:.2f} | {row['SSIM']:.4f} |" in details
    results = tmp_path / "results"
    results.mkdir()
    assert "No results" in measured.benchmarks(results, tmp_path)
    (results / "some.csv").write_text("case,ms,device\na,1.5,x86_64\nb,2.5,x86_64\n")
    shown = measured.benchmarks(results, tmp_path)
    assert "| a | 1.5 |" in shown
    assert "**CPU only**" in shown
    (results / "some.csv").write_text("case,ms,device\na,1.5,NVIDIA H100\n")
    assert "**CPU only**" not in measured.benchmarks(results, tmp_path)


def test_the_example_of_a_module_runs(pages, repo_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("configs").mkdir()
    Path("configs/_base_").symlink_to(repo_dir / "configs" / "_base_")
    torch.manual_seed(0)
    namespace: dict = {}
    for block in blocks(pages["customise"], "python"):
        name = re.match(r"# (\S+\.py)\n", block)
        if name:
            Path(name[1]).parent.mkdir(parents=True, exist_ok=True)
            Path(name[1]).write_text(block)
        else:
            exec(block, namespace)
    assert namespace["sr"].shape == (1, 3, 66, 80)
