"""Reads config files: mmengine's Python configs, with bases beside them or in this package.

A file assigns its sections, and ``_base_`` names the files that it changes: paths relative to
itself, or ``ignn_toolbox::_base_/models/edsr_tiny.py`` for what ships with the package. Sections
are merged as mmengine does (``_delete_=True`` replaces one), and what the bases say is at hand as
``_base_.model``. mmengine's own reader is not used: it needs ``pkg_resources`` for bases of
installed packages and knows a fixed list of those, and its errors do not say in which file of the
chain they arose.
"""

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from mmengine.config import Config, ConfigDict

from ...errors import frames
from ...files import nearest
from ...zoo.index import find_config
from ...zoo.paths import configs_dir

_OWN = "ignn_toolbox::"
_PLACEHOLDER = re.compile(r"\{\{\s*(\$|_base_\.|file\w*)[^}]*\}\}")


@dataclass(frozen=True)
class Source:
    """What a config file and its bases say.

    Attributes:
        sections: All merged.
        places: File and line that assigned each section last.
        lineages: The bases of each file, and theirs.
    """

    sections: ConfigDict
    places: dict[str, tuple[Path, int]]
    lineages: dict[Path, set[Path]]

    def place(self, section: str) -> str:
        """How an error about a section begins."""
        return _place(*self.places[section]) if section in self.places else "an option"


def read_config(path: Path) -> tuple[Config, Source]:
    """Read a config file and its bases; unlike mmengine's reader, import no ``custom_imports``.

    Raises:
        ValueError: One line that names the file and the line at which it cannot be read.
    """
    source = _read(path, ())
    try:
        return Config(source.sections, cfg_text=str(path), filename=path), source
    except KeyError as error:  # a section named as an attribute of mmengine's Config
        name = str(error.args[0]).split()[0]
        raise ValueError(f"{source.place(name)}: mmengine reserves the name `{name}`") from None


def _read(path: Path, askers: tuple[Path, ...]) -> Source:
    text = _text(path)
    try:
        tree = ast.parse(text, filename=str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _unreadable(path, getattr(error, "lineno", 1), f"{_words(error)}") from None
    _refuse_pure_python(tree, text, path)
    joined = Source(ConfigDict(), {}, {path.resolve(): set()})
    for name, line in _base_names(tree, path):
        file = _base_file(name, line, path)
        chain = (*askers, path)
        if any(file.samefile(asker) for asker in chain):
            raise _unreadable(path, line, f"its base {name} has {path.name} among its own bases")
        found = _read(file, chain)
        joined.lineages[path.resolve()] |= {file.resolve(), *found.lineages[file.resolve()]}
        joined.lineages.update(found.lineages)
        twice = _join(joined, found)
        if twice:
            raise _unreadable(
                path, line, f"{name} sets {', '.join(twice)}, which another base sets already"
            )
    return _merged(tree, path, joined)


def _join(bases: Source, other: Source) -> list[str]:
    """Put one more base's sections to those of the bases before; return what contradicts them.

    What both have from one place is no contradiction, and what one base has changed of the other's
    is taken changed. So bases that build on a common one can stand side by side.
    """
    twice = []
    for section, value in other.sections.items():
        here, there = bases.places.get(section), other.places[section]
        if here is None or section.startswith("_") or here[0] in bases.lineages[there[0]]:
            bases.sections[section], bases.places[section] = value, there
        elif here != there and there[0] not in bases.lineages[here[0]]:
            twice.append(section)
    return sorted(twice)


def _merged(tree: ast.Module, path: Path, bases: Source) -> Source:
    """Run the file and merge what it assigns into its bases."""
    space: dict[str, Any] = {"__file__": str(path), "__name__": "config", "_base_": bases.sections}
    body = [node for node in tree.body if _assigned(node) != "_base_"]
    lines = {_assigned(node): node.lineno for node in body}
    try:
        exec(compile(ast.Module(body, tree.type_ignores), str(path), "exec"), space)
    except (Exception, SystemExit) as error:
        raise _unreadable(path, *_where_and_why(error, path)) from error
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {alias.asname or alias.name for node in imports for alias in node.names}
    own = {
        name: copy.deepcopy(value)  # it may be a part of a base
        for name, value in space.items()
        if not name.startswith("__")
        and name not in {"_base_", *imported}
        and not callable(value)
        and not isinstance(value, ModuleType)
    }
    merged = bases.sections
    for name, value in own.items():
        line = lines.get(name, 1)
        try:
            merged = Config._merge_a_into_b({name: value}, merged)
        except Exception as error:
            raise _unreadable(
                path, line, f"{name} does not fit its base: {_words(error)}"
            ) from error
        bases.places[name] = path.resolve(), line
    return Source(ConfigDict(merged), bases.places, bases.lineages)


def _text(path: Path) -> str:
    if path.suffix != ".py":
        raise _unreadable(path, 1, "configs are Python files (.py), which assign their sections")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read as a config: {error.strerror}") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _unreadable(path, line, "it is not UTF-8; save it in this encoding") from None


def _base_names(tree: ast.Module, path: Path) -> Iterator[tuple[str, int]]:
    """Each base's name and the line that names it."""
    for node in tree.body:
        value = getattr(node, "value", None)
        if _assigned(node) != "_base_" or value is None:
            continue
        try:
            names = eval(compile(ast.Expression(value), str(path), "eval"), {})
        except Exception as error:
            raise _unreadable(path, node.lineno, f"_base_: {_words(error)}") from error
        if isinstance(names, str):
            names = [names]
        if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
            raise _unreadable(path, node.lineno, f"_base_ must name files, got {names!r}")
        items = value.elts if isinstance(value, ast.List | ast.Tuple) else []
        lines = [item.lineno for item in items]
        if len(lines) != len(names):
            lines = [node.lineno] * len(names)
        yield from zip(names, lines, strict=True)


def _base_file(name: str, line: int, path: Path) -> Path:
    package, separator, inside = name.partition("::")
    if separator and f"{package}::" != _OWN:
        raise _unreadable(
            path, line, f"base {name}: only {_OWN} names an installed package's configs"
        )
    if separator:
        file = configs_dir() / inside
        if file.is_file():
            return file
        try:
            return find_config(inside)
        except FileNotFoundError:
            raise _unreadable(path, line, f"there is no base {name}{_nearest(inside)}") from None
    file = path.parent / Path(name).expanduser()
    if file.is_file():
        return file
    if "\\" in name and not (path.parent / name.replace("\\", "/")).is_file():
        hint = f"; write / in place of \\{_nearest(name)}"
    elif "\\" in name:
        hint = "; write / in place of \\"
    else:
        hint = _nearest(name)
    raise _unreadable(path, line, f"its base {file} does not exist{hint}")


def _nearest(name: str) -> str:
    """A hint at the shipped base that was meant."""
    root = configs_dir()
    shipped = [file.relative_to(root).as_posix() for file in root.glob("_base_/**/*.py")]
    wanted = name.replace("\\", "/").removeprefix("configs/").lstrip("./")
    near = nearest(wanted, shipped)
    return f"; did you mean `{_OWN}{near[0]}`?" if near else ""


def _refuse_pure_python(tree: ast.Module, text: str, path: Path) -> None:
    for node in tree.body:
        calls = [item.context_expr for item in node.items] if isinstance(node, ast.With) else []
        if any(isinstance(c, ast.Call) and getattr(c.func, "id", "") == "read_base" for c in calls):
            raise _unreadable(
                path,
                node.lineno,
                "`with read_base()` (mmengine's pure-Python configs) is not read here; write "
                f'_base_ = ["{_OWN}_base_/models/edsr_tiny.py", ...]',
            )
    found = _PLACEHOLDER.search(text)
    if found:
        line = text[: found.start()].count("\n") + 1
        raise _unreadable(
            path,
            line,
            f"mmengine's placeholder {found[0]} is not read here; write _base_.model for what a "
            "base says, __file__ for the file's own path, os.environ for the environment",
        )


def _assigned(node: ast.stmt) -> str:
    """The name that a statement assigns at the top of a file."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return targets[0].id if targets and isinstance(targets[0], ast.Name) else ""


def _where_and_why(error: BaseException, path: Path) -> tuple[int, str]:
    """The file's line at which its code failed, and what failed, also in a module it imports."""
    lines = frames(error)
    mine = [frame.line for frame in lines if frame.file == str(path)]
    deeper = [frame for frame in lines if frame.is_users and frame.file != str(path)]
    inside = f" ({deeper[-1]})" if deeper and lines[-1].file != str(path) else ""
    return (mine or [getattr(error, "lineno", None) or 1])[-1], _words(error) + inside


def _words(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    if isinstance(error, RecursionError | MemoryError):
        return "it is nested too deeply"
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0]}" if first else type(error).__name__


def _place(path: Path, line: int | None) -> str:
    return f"{path} cannot be read as a config: line {line or 1}"


def _unreadable(path: Path, line: int | None, why: str) -> ValueError:
    return ValueError(f"{_place(path, line)}: {why}")
