"""What a caught error says: its own words where they suffice, else whose line it was."""

from collections.abc import Callable
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from ignn_toolbox.errors import describe
from ignn_toolbox.zoo.index import described, find_config


def _caught(function: Callable, *arguments) -> str:
    """The description of what a function raises, without this file's own frame."""
    try:
        function(*arguments)
    except Exception as error:
        return describe(error.with_traceback(error.__traceback__.tb_next))
    raise AssertionError("nothing was raised")


def _users(folder: Path, text: str) -> Callable:
    """The function ``f`` of a module outside this package and every installed one."""
    file = folder / "mine.py"
    file.write_text(text)
    namespace: dict = {}
    exec(compile(text, str(file), "exec"), namespace)
    return namespace["f"]


def test_a_library_s_error_names_the_user_s_own_line(tmp_path: Path) -> None:
    function = _users(tmp_path, "import torch\n\ndef f():\n    torch.ones(2) @ torch.ones(3)\n")
    text = _caught(function)
    assert text.startswith("RuntimeError: ")
    assert text.endswith(f" (IGNN_DEBUG=1 shows the trace); {tmp_path / 'mine.py'}, line 4")
    assert "\n" not in text


def test_our_own_words_name_the_user_s_line_that_called_us(tmp_path: Path) -> None:
    function = _users(tmp_path, "def f(find):\n    find('no_such_model')\n")
    text = _caught(function, find_config)
    assert text.startswith("FileNotFoundError: no model or config `no_such_model`")
    assert text.endswith("mine.py, line 2")


def test_an_error_raised_on_purpose_needs_no_place() -> None:
    assert _caught(find_config, "no_such_model").startswith("no model or config `no_such_model`;")


def test_a_slip_of_ours_names_our_line() -> None:
    text = _caught(described, {"Alias": "x"})
    assert text.startswith("KeyError: ")
    assert "zoo/index.py, line " in text


def test_the_system_s_own_errors_stay_as_they_are(tmp_path: Path) -> None:
    assert _caught((tmp_path / "absent").read_bytes).endswith(f"'{tmp_path / 'absent'}'")


@pytest.mark.parametrize("error", ["ValueError('wrong\\nin two lines')", "KeyError('k')"])
def test_an_error_in_a_worker_names_the_line_that_raised_it(tmp_path: Path, error: str) -> None:
    text = f"class f(list):\n    def __getitem__(self, index):\n        raise {error}\n"
    loader = DataLoader(_users(tmp_path, text)([1]), num_workers=1)
    said = _caught(lambda: next(iter(loader)))
    assert said.endswith(f"{tmp_path / 'mine.py'}, line 3")
    assert said.startswith(error.partition("(")[0])
    assert "\n" not in said
