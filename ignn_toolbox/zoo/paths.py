"""Where the package keeps its configs and its checkpoints, installed or in a checkout."""

from pathlib import Path

PACKAGE_DIR = Path(__file__).resolve().parents[1]


def configs_dir() -> Path:
    """The folder of bundled configs: inside the installed package, or the checkout's own.

    Raises:
        FileNotFoundError: Neither exists: the installation is damaged.
    """
    candidates = (PACKAGE_DIR / "configs", PACKAGE_DIR.parent / "configs")
    for folder in candidates:
        if (folder / "_base_").is_dir():
            return folder
    raise FileNotFoundError(
        f"no configs in {candidates[0]} or {candidates[1]}; install ignn_toolbox again"
    )


def checkpoints_dir() -> Path:
    """The folder of the checkpoints that ship with the package."""
    return PACKAGE_DIR / "zoo" / "checkpoints"
