"""Imports the modules that a config's ``custom_imports`` names, those beside the config too."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict

from ...errors import describe
from .values import misfit


class CustomImports(TypedDict, total=False):
    """The section ``custom_imports``.

    Attributes:
        imports: Modules, by dotted name.
        allow_failed_imports: Whether the run goes on without a module that cannot be imported.
    """

    imports: str | list[str]
    allow_failed_imports: bool


def import_modules(section: Any, file: Path, place: str) -> None:
    """Import what ``custom_imports`` names.

    Modules are looked for in the config's folder, in the one above it, in the current one, and on
    Python's path.

    A module beside the config is preferred to one of the same name elsewhere. Its folder stays at
    the end of Python's path, for what the module imports later and for workers.

    Args:
        section: The section's value.
        file: The config.
        place: Where the section was assigned; errors begin with it.

    Raises:
        ValueError: The section is malformed, or a module cannot be imported; one line.
    """
    fault = misfit(section, CustomImports | None, "custom_imports")
    if fault:
        raise ValueError(f"{place}: {fault}")
    names = (section or {}).get("imports") or []
    for name in [names] if isinstance(names, str) else names:
        try:
            _import(name, file)
        except (Exception, SystemExit) as error:
            if not section.get("allow_failed_imports", False):
                raise ValueError(f"{place}: custom_imports: {_why(name, file, error)}") from error


def _import(name: str, file: Path) -> None:
    top = name.split(".")[0]
    folder = next((folder for folder in _folders(file) if _holds(folder, top, file)), None)
    if folder is None:
        importlib.import_module(name)
        return
    loaded = sys.modules.get(name, sys.modules.get(top))
    if loaded is not None:
        origin = getattr(loaded, "__file__", None) or next(iter(loaded.__path__), "")
        if folder not in Path(origin).resolve().parents and not _equal(folder, name, origin):
            raise ValueError(
                f"`{name}` of {folder} has the name of a module that is loaded already, {origin}; "
                "give it another name"
            )
    with _beside(folder):
        importlib.import_module(name)


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """A folder first on Python's path, and at its end afterwards."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


def _folders(file: Path) -> list[Path]:
    folder = file.resolve().parent
    return list(dict.fromkeys([folder, folder.parent, Path.cwd()]))


def _holds(folder: Path, module: str, config: Path) -> bool:
    """Whether a module is in a folder; the config itself is none."""
    path = folder / f"{module}.py"
    return (path.is_file() and not path.samefile(config)) or (folder / module).is_dir()


def _equal(folder: Path, name: str, origin: str) -> bool:
    """Whether a module in a folder is a copy of a file."""
    path = folder / Path(*name.split("."))
    files = [path.with_suffix(".py"), path / "__init__.py"]
    copies = [file.read_bytes() for file in files if file.is_file()]
    return Path(origin).is_file() and Path(origin).read_bytes() in copies


def _why(name: str, file: Path, error: BaseException) -> str:
    absent = error.name if isinstance(error, ModuleNotFoundError) else None
    if absent and f"{name}.".startswith(f"{absent}."):
        looked = " or ".join(str(folder) for folder in _folders(file))
        return f"there is no module `{absent}` in {looked}, or among the installed packages"
    return f"`{name}` cannot be imported: {describe(error)}"
