"""Work on many files on all cores."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

Progress = Callable[[int, int], None]
Each = Callable[[Path, int, int], None]
Item = TypeVar("Item")
Result = TypeVar("Result")


def run_all(
    task: Callable[[Item], Result],
    items: Sequence[Item],
    progress: Progress | None = None,
    each: Callable[[Item, Result], None] | None = None,
) -> list[Result]:
    """Run a task on every item in threads; decoding and resizing leave the GIL.

    Args:
        task: What to do; its first exception stops the rest.
        items: What to do it to.
        progress: Called with (items done, items in all).
        each: Called with every item and its result, in order.

    Returns:
        The results in the order of the items.
    """
    results: list[Result] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = [pool.submit(task, item) for item in items]
        try:
            for done, future in enumerate(futures, 1):
                results.append(future.result())
                if each is not None:
                    each(items[done - 1], results[-1])
                if progress is not None:
                    progress(done, len(items))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results
