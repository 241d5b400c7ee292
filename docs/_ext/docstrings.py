"""Google docstrings of a class or function as Markdown: text, and a table of its arguments."""

import inspect
import re
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

_PACKAGE = "ignn_toolbox"
_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Yields):\s*$", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}(\w+)(?: \([^)]*\))?: ?(.*)$")
_ROLE = re.compile(r":\w+:`~?([^`]+)`")


def sections(owner: Any) -> dict[str, str]:
    """The parts of a docstring: ``''`` is the text before the first section, in Markdown."""
    parts = _SECTION.split(inspect.cleandoc(owner.__doc__ or ""))
    found = {"": parts[0].strip()}
    found |= {name: body.strip("\n") for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    return {name: _ROLE.sub(r"`\1`", body) for name, body in found.items()}


def text(owner: Any) -> str:
    """What stands before the first section; reStructuredText's tables are kept as they look."""
    paragraphs = sections(owner)[""].split("\n\n")
    return "\n\n".join(f"```text\n{p}\n```" if p.startswith("===") else p for p in paragraphs)


def entries(owner: Any, section: str) -> dict[str, str]:
    """Names and descriptions of a section such as ``Args``."""
    found: dict[str, list[str]] = {}
    for line in sections(owner).get(section, "").splitlines():
        match = _ENTRY.match(line)
        if match:
            found[match[1]] = [match[2]]
        elif found:
            found[next(reversed(found))].append(line.strip())
    return {name: " ".join(lines).strip() for name, lines in found.items()}


def arguments(owner: Any) -> list[tuple[str, str, str]]:
    """Name, default and description of every argument that this package documents.

    Those of a base class follow where the class hands unnamed arguments on to it.
    """
    if not inspect.isclass(owner):
        return _described(inspect.signature(owner).parameters, entries(owner, "Args"))
    rows: list[tuple[str, str, str]] = []
    for base in _initialisers(owner):
        described: dict[str, str] = {}
        for cls in reversed(owner.__mro__):
            described |= entries(cls, "Attributes" if is_dataclass(cls) else "Args")
        known = {name for name, _, _ in rows}
        parameters = inspect.signature(base.__init__).parameters
        found = _described(parameters, described)
        # What a base class demands, the class itself gives it.
        rows += [row for row in found if row[0] not in known and (row[1] or base is owner)]
    return rows


def foreign_base(cls: type) -> type | None:
    """The class of another package whose ``__init__`` this class takes over, if it has one."""
    for base in cls.__mro__[:-1]:
        if "__init__" in vars(base):
            return None if base.__module__.startswith(_PACKAGE) else base
    return None


def undocumented(owner: Any) -> list[str]:
    """Arguments without a description."""
    return [name for name, _, description in arguments(owner) if not description]


def entry(name: str, owner: Any, level: int = 3) -> str:
    """A section on one class or function."""
    lines = [f"{'#' * level} {name}", "", f"`{owner.__module__}`", "", text(owner), ""]
    rows = arguments(owner)
    base = foreign_base(owner) if inspect.isclass(owner) else None
    if rows:
        lines += ["| argument | default | meaning |", "|---|---|---|"]
        lines += [f"| `{a}` | {f'`{_cell(b)}`' if b else ''} | {_cell(c)} |" for a, b, c in rows]
    elif base is not None:
        lines += [f"Arguments: those of `{base.__module__.split('.')[0]}`'s `{base.__name__}`."]
    returned = sections(owner).get("Returns")
    if returned:
        lines += ["", f"Returns: {' '.join(returned.split())}"]
    raised = entries(owner, "Raises")
    if raised:
        lines += ["", "Raises:", ""]
        lines += [f"- `{error}`: {reason}" for error, reason in raised.items()]
    return "\n".join(lines) + "\n"


def _initialisers(cls: type) -> list[type]:
    """Classes of this package whose ``__init__`` sees the arguments, the class's own first."""
    found = []
    for base in cls.__mro__[:-1]:
        if "__init__" not in vars(base):
            continue
        if not base.__module__.startswith(_PACKAGE):
            break
        found.append(base)
        parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return found


def _described(parameters: Any, described: dict[str, str]) -> list[tuple[str, str, str]]:
    return [
        (name, _default(parameter), described.get(name, ""))
        for name, parameter in parameters.items()
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    ]


def _default(parameter: inspect.Parameter) -> str:
    value = parameter.default
    if value is parameter.empty:
        return ""
    if isinstance(value, Callable):  # type: ignore[arg-type]
        return getattr(value, "__name__", type(value).__name__)
    return repr(value)


def _cell(words: str) -> str:
    return words.replace("|", r"\|")
