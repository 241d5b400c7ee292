"""Config files: what cannot be read is one line that names the file and the line."""

import re
import sys
from pathlib import Path

import pytest

from ignn_toolbox.cli import main
from ignn_toolbox.engine.config import load_config
from ignn_toolbox.engine.config.read import read_config

EDSR = '_base_ = "ignn_toolbox::_base_/models/edsr_tiny.py"\n'

UNREADABLE = {
    "syntax": ("a = 1\nmodel = dict(\n", 2, "'(' was never closed"),
    "indent": ("a = 1\n  b = 2\n", 2, "unexpected indent"),
    "name": ("a = 1\nb = c\n", 2, "NameError: name 'c' is not defined"),
    "zero": ("\n\n_a = 1 / 0\n", 3, "ZeroDivisionError: division by zero"),
    "attribute": ("import os\n_a = os.nothing\n", 2, "AttributeError"),
    "assert": ("assert 1 == 2\n", 1, "AssertionError"),
    "raise": ("raise KeyError('x')\n", 1, "KeyError"),
    "exit": ("_a = 1\nexit()\n", 2, "SystemExit"),
    "import": ("import not_there\n", 1, "ModuleNotFoundError: No module named 'not_there'"),
    "recursion": ("def f(): return f()\n_a = f()\n", 1, "nested too deeply"),
    "deep": ("_a = " + "(" * 2000 + ")" * 2000, 1, "nested"),
    "null": ("a = 1\0\n", 1, "null bytes"),
    "return": ("_a = 1\nreturn\n", 2, "'return' outside function"),
    "no base": ('_a = 1\n_base_ = [\n    "not_there.py",\n]\n', 3, "not_there.py does not exist"),
    "backslashes": ('_base_ = "bases\\\\edsr.py"\n', 1, "write / in place of \\"),
    "checkout's": (
        '_base_ = "configs/_base_/models/edsr_tiny.py"\n',
        1,
        "did you mean `ignn_toolbox::_base_/models/edsr_tiny.py`?",
    ),
    "no such base": (
        '_base_ = "ignn_toolbox::_base_/models/edsr_tinny.py"\n',
        1,
        "did you mean `ignn_toolbox::_base_/models/edsr_tiny.py`?",
    ),
    "another package's": ('_base_ = "mmdet::_base_/x.py"\n', 1, "only ignn_toolbox:: names"),
    "base of a wrong type": ("_base_ = 5\n", 1, "_base_ must name files, got 5"),
    "base that is computed": ("_base_ = [x]\n", 1, "_base_: NameError"),
    "own base": ('_base_ = "x.py"\n', 1, "has x.py among its own bases"),
    "twice": (
        '_base_ = ["ignn_toolbox::_base_/models/edsr_tiny.py",\n'
        '          "ignn_toolbox::_base_/models/edsr.py"]\n',
        2,
        "sets model, which another base sets already",
    ),
    "unfit": (EDSR + "model = dict(type=dict(a=1))\n", 2, "model does not fit its base"),
    "read_base": (
        "from mmengine.config import read_base\nwith read_base():\n    from .x import *\n",
        2,
        "`with read_base()` (mmengine's pure-Python configs) is not read here; write _base_",
    ),
    "placeholder": (
        'a = 1\nwork_dir = "{{ fileDirname }}/x"\n',
        2,
        "{{ fileDirname }} is not read",
    ),
    "reserved": ("filename = 3\n", 1, "mmengine reserves the name `filename`"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_names_file_and_line(tmp_path: Path, case: str) -> None:
    text, line, reason = UNREADABLE[case]
    file = tmp_path / "x.py"
    file.write_text(text)
    with pytest.raises(ValueError, match="x.py") as error:
        load_config(file)
    said = str(error.value)
    assert said.startswith(f"{file} cannot be read as a config: line {line}: ")
    assert reason in said
    assert "\n" not in said


def test_a_cycle_is_named_where_it_closes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('_base_ = "b.py"\n')
    (tmp_path / "b.py").write_text('\n_base_ = "./a.py"\n')
    with pytest.raises(ValueError, match=r"b\.py cannot .* line 2: .*a\.py.* has b\.py among"):
        load_config(tmp_path / "a.py")


def test_a_base_s_own_fault_is_named_in_the_base(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("_a = 1\n_b = _a.x\n")
    (tmp_path / "mine.py").write_text('_base_ = "base.py"\n')
    with pytest.raises(ValueError, match=r"^\S*base\.py cannot be read as a config: line 2: Attr"):
        load_config(tmp_path / "mine.py")


def test_a_fault_in_an_imported_module_names_its_line_too(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "parts_zero.py").write_text("\n_a = 1 / 0\n")
    (tmp_path / "mine.py").write_text("_a = 1\nimport parts_zero\n")
    with pytest.raises(ValueError, match=r"line 2: Zero.*parts_zero\.py, line 2"):
        load_config(tmp_path / "mine.py")


@pytest.mark.parametrize("suffix", [".json", ".yaml", ".yml"])
def test_other_languages_are_refused_by_name(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"x{suffix}").write_text("{}")
    with pytest.raises(ValueError, match=rf"x\{suffix} .*line 1: configs are Python files"):
        load_config(tmp_path / f"x{suffix}")


def test_encodings(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_bytes(b"\xef\xbb\xbf" + EDSR.encode())  # Notepad's mark
    assert load_config(file).model.network.type == "EDSR"
    file.write_bytes(EDSR.encode() + "_a = 'ü'\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"line 2: it is not UTF-8"):
        load_config(file)


def test_installed_bases_are_named_by_their_package(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        EDSR + "model = dict(network=dict(channels=_base_.model.network.channels * 2))\n"
    )
    assert load_config(file).model.network.channels == 64
    file.write_text('_base_ = "ignn_toolbox::edsr_tiny_x2"\nmodel = dict(self_ensemble=True)\n')
    config = load_config(file)
    assert config.model.self_ensemble
    assert config.train_cfg.max_iters == 6_000


def test_sections_are_merged_as_mmengine_does(tmp_path: Path) -> None:
    from mmengine.config import Config

    text = (
        'model = dict(network=dict(_delete_=True, type="RCAN", scale=3), loss=dict(x=2.0))\n'
        "train_cfg = dict(max_iters=5)\n"
    )
    root = Path(__file__).parents[2] / "configs/_base_"
    bases = [str(root / "models/edsr.py"), str(root / "schedules/tiny_cosine.py")]
    file = tmp_path / "mine.py"
    file.write_text(f"_base_ = {bases!r}\n{text}")
    assert read_config(file)[0].to_dict() == Config.fromfile(file).to_dict()


def test_bases_that_build_on_a_common_one_stand_side_by_side(tmp_path: Path) -> None:
    write = lambda name, text: (tmp_path / name).write_text(text)  # noqa: E731
    write("common.py", "batch_size = 1\nlq_size = 2\n_a = 1\n")
    write("left.py", '_base_ = "common.py"\nbatch_size = 3\n_a = 2\n')
    write("right.py", '_base_ = "common.py"\ndata_root = "x"\n_a = 3\n')
    for order in (["common", "left", "right"], ["right", "left", "common"], ["left", "right"]):
        write("mine.py", f"_base_ = {[f'{name}.py' for name in order]}\n")
        config = load_config(tmp_path / "mine.py")
        assert (config.batch_size, config.lq_size, config.data_root) == (3, 2, "x")
    write("right.py", '_base_ = "common.py"\nbatch_size = 4\n')
    with pytest.raises(ValueError, match=r"line 1: right\.py sets batch_size, which another base"):
        load_config(tmp_path / "mine.py")


def test_helper_functions_modules_and_the_own_path_are_at_hand(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import math\nfrom math import pi, inf as much\nfrom pathlib import Path\n"
        "_folder = str(Path(__file__).parent)\n"
        "def double(x): return 2 * x\nbatch_size = double(math.floor(4.5))\n"
    )
    config = load_config(file)
    assert (config.batch_size, config._folder) == (8, str(tmp_path))


AGGREGATOR = """
from ignn_toolbox.registry import MODELS
from torch import nn

@MODELS.register_module()
class {name}(nn.Module):
    pass
"""


@pytest.mark.parametrize("place", ["configs", "."])
def test_modules_beside_the_config_or_its_folder_are_found(tmp_path: Path, place: str) -> None:
    name = f"parts_{place.strip('.')}_x"
    module = tmp_path / place / f"{name}.py"
    (tmp_path / "configs").mkdir()
    module.write_text(AGGREGATOR.format(name=f"Part{name}"))
    config = tmp_path / "configs/mine.py"
    config.write_text(
        EDSR + f"custom_imports = dict(imports=[{name!r}])\n"
        f"model = dict(loss=dict(_delete_=True, type='Part{name}'))\n"
    )
    load_config(config)
    assert sys.modules[name].__file__ == str(module)
    load_config(config, {"custom_imports.imports": name})


def test_modules_that_cannot_be_imported_name_the_config_s_line_and_their_own(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.py"
    (tmp_path / "parts_broken.py").write_text("\n\nx = 1 / 0\n")
    file.write_text(EDSR + "custom_imports = dict(imports=['parts_broken'])\n")
    with pytest.raises(ValueError, match=r"mine\.py .*line 2: .*parts_broken.*Zero.*, line 3$"):
        load_config(file)
    file.write_text(EDSR + "custom_imports = dict(imports=['parts_not_there.sub'])\n")
    with pytest.raises(ValueError, match=r"line 2: .*no module `parts_not_there` in") as error:
        load_config(file)
    assert str(tmp_path) in str(error.value)
    file.write_text(EDSR + "custom_imports = dict(import_=['x'])\n")
    with pytest.raises(ValueError, match=r"unknown key `import_` in custom_imports; did you mean"):
        load_config(file)


def test_two_modules_of_one_name_are_not_taken_for_each_other(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "parts_same.py").write_text(f"FOLDER = {folder!r}\n")
        (tmp_path / folder / "mine.py").write_text(
            EDSR + "custom_imports = dict(imports=['parts_same'])\n"
        )
    load_config(tmp_path / "a/mine.py")
    with pytest.raises(ValueError, match="has the name of a module that is loaded already"):
        load_config(tmp_path / "b/mine.py")
    (tmp_path / "b/parts_same.py").write_text("FOLDER = 'a'\n")  # a copy is the same
    load_config(tmp_path / "b/mine.py")


@pytest.mark.parametrize("command", ["train", "test"])
@pytest.mark.parametrize("case", ["zero", "own base", "import", "exit"])
def test_commands_say_it_in_one_line(tmp_path: Path, capsys, command: str, case: str) -> None:
    file = tmp_path / "x.py"
    file.write_text(UNREADABLE[case][0])
    assert main([command, str(file)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(rf"ignn {command}: error: {re.escape(str(file))} cannot .* line \d+: ", line)
