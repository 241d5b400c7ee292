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
    """Import what ``custom_imports`` names: from Python's path, the config's folder or its parent.

    A module beside the config is preferred to one of the same name elsewhere. Both folders stay
    at the end of Python's path, for what the modules import later and for workers.

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
    if not names:
        return
    with _beside(file):
        for name in [names] if isinstance(names, str) else names:
            try:
                _import(name, file)
            except (Exception, SystemExit) as error:
                if not section.get("allow_failed_imports", False):
                    raise ValueError(
                        f"{place}: custom_imports: {_why(name, file, error)}"
                    ) from error


def _import(name: str, file: Path) -> None:
    top = name.split(".")[0]
    beside = [folder for folder in _folders(file) if _holds(folder, top)]
    loaded = sys.modules.get(top)
    if beside and loaded is not None:
        origin = getattr(loaded, "__file__", None) or next(iter(loaded.__path__), "")
        if beside[0] not in Path(origin).resolve().parents:
            raise ValueError(
                f"`{top}` of {beside[0]} has the name of a module that is loaded already, "
                f"{origin}; give it another name"
            )
    importlib.import_module(name)


def _why(name: str, file: Path, error: BaseException) -> str:
    absent = error.name if isinstance(error, ModuleNotFoundError) else None
    if absent and f"{name}.".startswith(f"{absent}."):
        looked = " or ".join(str(folder) for folder in _folders(file))
        return f"there is no module `{absent}` in {looked}, or among the installed packages"
    return f"`{name}` cannot be imported: {describe(error)}"


@contextmanager
def _beside(file: Path) -> Iterator[None]:
    """The config's folder and its parent, first on Python's path, and at its end afterwards."""
    folders = [str(folder) for folder in _folders(file)]
    sys.path[:0] = folders
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for folder in set(folders) & set(sys.path):
            sys.path.remove(folder)
        sys.path += [folder for folder in folders if folder not in sys.path]


def _folders(file: Path) -> list[Path]:
    folder = file.resolve().parent
    return list(dict.fromkeys([folder, folder.parent]))


def _holds(folder: Path, module: str) -> bool:
    return (folder / f"{module}.py").is_file() or (folder / module).is_dir()
