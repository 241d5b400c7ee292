"""A work directory's checkpoints, and mmengine's own way to load one."""

import re
from pathlib import Path
from typing import Any

from mmengine.runner import CheckpointLoader

from ..checkpoint import load_checkpoint


def training_checkpoints(work_dir: str | Path) -> list[Path]:
    """Return the files that training wrote for resuming, the newest iteration first."""
    numbered = {}
    for path in Path(work_dir).glob("iter_*.pth"):
        number = re.fullmatch(r"iter_(\d+)", path.stem)
        if number:
            numbered[int(number[1])] = path
    return [numbered[number] for number in sorted(numbered, reverse=True)]


def use_safe_loading() -> None:
    """Make mmengine read local checkpoints through `load_checkpoint` (``init_cfg`` too)."""
    CheckpointLoader.register_scheme(prefixes="", loader=load_from_local, force=True)


def load_from_local(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Read a checkpoint, in the form that mmengine's loader table calls."""
    return load_checkpoint(filename, map_location)
