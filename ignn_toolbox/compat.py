"""What newer Pythons removed and our dependencies still call."""

import importlib.util
import pkgutil
from typing import Any


def restore_find_loader() -> None:
    """Give `pkgutil` back its ``find_loader``, which Python 3.14 removed.

    mmengine 0.10 and mmcv 2 ask it once each whether mmcv has compiled operators.
    """
    if not hasattr(pkgutil, "find_loader"):
        setattr(pkgutil, "find_loader", _find_loader)  # noqa: B010 (types know no such name)


def _find_loader(name: str) -> Any:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # the package around it is not there
        return None
    return None if spec is None else spec.loader
