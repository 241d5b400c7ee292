"""A process of its own for each variant, so that neither memory nor caches are shared.

The parent asks several workers in turn (A B A B ...), so that a change of the machine's load meets
all of them alike.
"""

from __future__ import annotations

import multiprocessing
import traceback
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection

import torch

from .measure import Measurement, can_measure_peak, measure, resident_bytes


class Worker:
    """Runs one variant of one case in a process of its own; use as a context manager.

    Args:
        name: What it is, for messages.
        build: See `Variant.build`; can be pickled.
        threads: Threads of torch.
    """

    def __init__(
        self, name: str, build: Callable[[bool], Callable[[], object]], threads: int
    ) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, build, threads))
        self._process.start()
        theirs.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def wait_until_ready(self) -> None:
        """Wait for the end of the warm-up."""
        self._receive()

    def run(self) -> Measurement:
        """One measured call."""
        self._pipe.send("run")
        return self._receive()

    def _receive(self):  # type: ignore[no-untyped-def]
        try:
            answer = self._pipe.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            raise RuntimeError(
                f"the process of {self.name!r} ended with status {code}"
                + (" (killed: out of memory?)" if code == -9 else "")
            ) from None
        if isinstance(answer, str):
            raise RuntimeError(f"{self.name} failed:\n{answer}")
        return answer


def _serve(pipe: Connection, build: Callable[[bool], Callable[[], object]], threads: int) -> None:
    warnings.simplefilter("ignore")
    try:
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        build(True)()
        call = build(False)
        base = resident_bytes() if can_measure_peak() else None
        pipe.send(True)
        while pipe.recv() == "run":
            pipe.send(measure(call, base))
    except EOFError:
        pass
    except BaseException:
        pipe.send(traceback.format_exc())
