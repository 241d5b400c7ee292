"""Work on many files: on all cores, and continued where it was interrupted."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from ..image_io import write_bytes

Progress = Callable[[int, int], None]
Item = TypeVar("Item")
Result = TypeVar("Result")

SETTINGS = ".ignn_prepare.json"


def run_all(
    task: Callable[[Item], Result], items: Sequence[Item], progress: Progress | None = None
) -> list[Result]:
    """Runs a task on every item in threads; decoding and resizing leave the GIL.

    Args:
        task: What to do; its first exception stops the rest.
        items: What to do it to.
        progress: Called with (items done, items in all).

    Returns:
        The results in the order of the items.
    """
    results: list[Result] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = [pool.submit(task, item) for item in items]
        try:
            for done, future in enumerate(futures, 1):
                results.append(future.result())
                if progress is not None:
                    progress(done, len(items))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results


def up_to_date(outputs: Iterable[Path], source: Path) -> bool:
    """Tells whether all outputs exist and none is older than their source.

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
