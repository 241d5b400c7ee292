"""setup.cfg tells the truth about the package."""

import configparser
import subprocess
import sys

import pytest

from ignn_toolbox import __version__


@pytest.fixture(scope="module")
def setup_cfg(repo_dir) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(repo_dir / "setup.cfg")
    return parser


def test_every_package_is_listed(setup_cfg, repo_dir):
    listed = set(setup_cfg["options"]["packages"].split())
    folders = {path.parent for path in (repo_dir / "ignn_toolbox").rglob("__init__.py")}
    found = {".".join(folder.relative_to(repo_dir).parts) for folder in folders}
    assert listed - {"ignn_toolbox.configs"} == found


def test_import_is_light():
    code = (
        "import sys, ignn_toolbox; "
        "print(ignn_toolbox.__version__, 'torch' in sys.modules, 'torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [__version__, "False", "False"]


def test_torchvision_is_never_imported():
    code = (
        "import sys, ignn_toolbox.apis, ignn_toolbox.models, ignn_toolbox.datasets, "
        "ignn_toolbox.evaluation, ignn_toolbox.engine, ignn_toolbox.restore; "
        "print('torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_package_says_that_it_is_typed(setup_cfg, repo_dir):
    assert "py.typed" in setup_cfg["options.package_data"]["ignn_toolbox"].split()
    assert (repo_dir / "ignn_toolbox" / "py.typed").is_file()
