"""Continuing work on files where it was interrupted."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...files import write_bytes

SETTINGS = ".ignn_prepare.json"


def up_to_date(outputs: Iterable[Path], source: Path) -> bool:
    """Tell whether all outputs exist and none is older than their source.

    Files are renamed into place, so one that exists is whole.
    """
    made = source.stat().st_mtime
    return all(path.is_file() and path.stat().st_mtime >= made for path in outputs)


def claim_folder(folder: Path, settings: dict[str, Any]) -> None:
    """Notes in an output folder how its files are made.

    Raises:
        ValueError: The folder holds files that were made with other settings, so continuing would
            mix them.
    """
    path = folder / SETTINGS
    if path.is_file():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        if earlier != settings:
            raise ValueError(
                f"{folder} holds files made with {earlier}, not {settings}; choose another folder "
                "or remove it"
            )
        return
    write_bytes(path, json.dumps(settings).encode())
