"""Files written whole or not at all."""

import os
from pathlib import Path


def write_bytes(path: str | Path, data: bytes) -> None:
    """Writes a file under a temporary name beside it and renames it, making folders as needed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
