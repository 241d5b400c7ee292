"""The line that training prints: speed, time left, memory, and waiting for data."""

import datetime
import importlib.util
import logging
import sys
from typing import Any

import torch
from mmengine.runner import LogProcessor

from ..registry import LOG_PROCESSORS

_NOISE = ("Distributed training is not used, all SyncBatchNorm", "Hooks will be executed in")


@LOG_PROCESSORS.register_module()
class TrainingLog(LogProcessor):
    """Formats the log of iteration-based training.

    A line reads ``[ 200/60000] lr 9.99e-04  loss 0.0312  12.3 it/s  eta 1:21:10  512 MiB
    data 3 %``: means over the last ``window_size`` iterations, the peak memory of the process (of
    the GPU where there is one), the share of time spent waiting for data.

    Args:
        window_size: Iterations over which losses and times are averaged.
    """

    def __init__(self, window_size: int = 100) -> None:
        super().__init__(window_size=window_size, by_epoch=False)

    def get_log_after_iter(self, runner: Any, batch_idx: int, mode: str) -> tuple[dict, str]:
        """Return the figures, and the line that tells them."""
        scalars = self._collect_scalars(
            self._parse_windows_size(runner, batch_idx, self.custom_cfg), runner, mode
        )
        tag = dict(scalars)
        if mode != "train":
            return tag, f"{mode} {batch_idx + 1}/{len(runner_loader(runner, mode))}"
        done = runner.iter + 1
        memory = peak_memory_mib()
        tag |= {"iter": done, "memory": memory or 0}
        speed = []
        if "time" in scalars:  # of the hook IterationTimer
            seconds, wait = scalars.pop("time"), scalars.pop("data_time")
            remaining = datetime.timedelta(seconds=round(runner.message_hub.get_info("eta")))
            tag |= {"iterations_per_second": 1 / seconds}
            speed = [
                f"{1 / seconds:.3g} it/s",
                f"eta {remaining}",
                f"data {100 * wait / seconds:.0f} %",
            ]
        figures = [f"lr {scalars.pop('lr'):.2e}" if "lr" in scalars else ""]
        scalars = {key: value for key, value in scalars.items() if not key.endswith("lr")}
        figures += [f"{name} {value:.4g}" for name, value in scalars.items()]
        figures += [*speed[:2], f"{memory} MiB" if memory is not None else "", *speed[2:]]
        width = len(str(runner.max_iters))
        head = f"[{done:>{width}}/{runner.max_iters}]"
        return tag, "  ".join([head, *filter(None, figures)])

    def get_log_after_epoch(
        self, runner: Any, batch_idx: int, mode: str, with_non_scalar: bool = False
    ) -> tuple[dict, str]:
        """Return the figures of a validation or test, and the line that tells them."""
        prefix = f"{mode}/"
        history = runner.message_hub.log_scalars
        tag = {
            key.removeprefix(prefix): buffer.current()
            for key, buffer in history.items()
            if key.startswith(prefix)
        }
        figures = [f"{name} {value:.4f}" for name, value in tag.items()]
        place = f"[{runner.iter}/{runner.max_iters}] " if mode == "val" else ""
        return tag, f"{place}{mode}: " + "  ".join(figures)


def runner_loader(runner: Any, mode: str) -> Any:
    """The loader that is being evaluated."""
    return runner.val_dataloader if mode == "val" else runner.test_dataloader


def peak_memory_mib() -> int | None:
    """Return the peak memory so far: allocated on the GPU where there is one, else resident.

    None on systems that do not count it (Windows).
    """
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() // 2**20
    if importlib.util.find_spec("resource") is None:
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)


def set_up(logger: logging.Logger) -> None:
    """Leave out what mmengine says at every start, and bear a log file that cannot be written.

    A full disk is then one line on stderr, not a trace a line.

    Args:
        logger: Of a run.
    """
    logger.addFilter(lambda record: not record.getMessage().startswith(_NOISE))
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handleError = _OneLine(handler.baseFilename)  # type: ignore[method-assign]


class _OneLine:
    """Tells the first failure of a log file."""

    def __init__(self, file: str) -> None:
        self.file, self.told = file, False

    def __call__(self, record: logging.LogRecord) -> None:
        if not self.told:
            error = sys.exc_info()[1]
            print(
                f"the log {self.file} cannot be written: {error}; the run goes on", file=sys.stderr
            )
        self.told = True
