"""Every measuring program and tool finds what it imports, also in the code that it passes on."""

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(p for room in ("benchmarks", "tools") for p in (ROOT / room).rglob("*.py"))


def imported(tree: ast.AST) -> set[tuple[str, str]]:
    """Module and name of what is imported from the package, in programs inside strings too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ignn_toolbox"):
            found |= {(node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Constant) and "ignn_toolbox" in str(node.value):
            try:
                found |= imported(ast.parse(str(node.value)))
            except (SyntaxError, ValueError):  # prose
                continue
    return found


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_it_finds_what_it_imports(path):
    for module, name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        owner = importlib.import_module(module)
        assert hasattr(owner, name) or importlib.util.find_spec(f"{module}.{name}"), (module, name)
