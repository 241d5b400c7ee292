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


def test_mmengine_and_mmcv_are_imported_without_what_python_3_14_removed():
    """Where `pkgutil.find_loader` is gone, the two that call it still find out about mmcv."""
    code = """
import pkgutil
del pkgutil.find_loader
import ignn_toolbox.apis, ignn_toolbox.engine, mmcv
from mmcv.utils.ext_loader import check_ops_exist
from mmengine.utils.dl_utils.misc import mmcv_full_available
print(check_ops_exist(), mmcv_full_available(), pkgutil.find_loader("json").name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "False", "json"]


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
