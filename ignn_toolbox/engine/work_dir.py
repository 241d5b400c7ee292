"""The folder of a run: made, tried, and held by one run at a time."""

import contextlib
import getpass
import json
import os
import socket
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process

from ..files import LockedError, locked, write_bytes

_LOCK, _HOLDER = ".lock", ".holder.json"
# A disk without this much room cannot take the first lines of a log.
_TRIAL = 64 * 1024


def prepare_run(config: Config, work_dir: str | Path | None) -> None:
    """Set the folder of a run, make it, and try whether it can be written.

    Raises:
        OSError: The folder cannot be made or written, or its disk is full.
    """
    stem = Path(config.filename).stem if config.filename else "run"
    config.work_dir = str(work_dir or config.get("work_dir") or Path("work_dirs", stem))
    # mmengine keeps loggers by this name: two runs in one process must not share them.
    config.experiment_name = f"{stem}-{uuid.uuid4().hex[:6]}"
    folder = Path(config.work_dir)
    probe = folder / f".writable.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(bytes(_TRIAL))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OSError(f"the work dir {folder} cannot be written: {reason}") from error
    finally:
        with contextlib.suppress(OSError, ValueError):
            probe.unlink(missing_ok=True)


@contextlib.contextmanager
def held(work_dir: str | Path) -> Iterator[None]:
    """Keep other runs out of a folder; of several processes the first one holds it for all.

    The operating system gives the lock back when the process ends, however it does.

    Raises:
        LockedError: Another run is in the folder; says which, and since when.
    """
    if not is_main_process():
        yield
        return
    folder = Path(work_dir)
    try:
        with locked(folder / _LOCK, wait=False):
            write_bytes(folder / _HOLDER, json.dumps(_myself()).encode())
            try:
                yield
            finally:
                (folder / _HOLDER).unlink(missing_ok=True)
    except LockedError as error:
        if str(folder / _LOCK) not in str(error):
            raise
        raise LockedError(
            f"another run is in {folder}{_who(folder)}; wait for it, or give another --work-dir"
        ) from None


def _myself() -> dict[str, Any]:
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user on this machine
        user = str(os.getuid()) if hasattr(os, "getuid") else "?"
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"process": os.getpid(), "host": socket.gethostname(), "user": user, "since": since}


def _who(folder: Path) -> str:
    """What the holder says of itself, as far as it can be read."""
    try:
        said = json.loads((folder / _HOLDER).read_bytes())
        return ": process {process} of {user} on {host}, since {since}".format(**said)
    except (OSError, ValueError, KeyError, TypeError):
        return ""
