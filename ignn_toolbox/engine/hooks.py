"""Hooks of a training run: what it costs, what it saves, and how it stops."""

import math
import re
import signal
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook, LoggerHook, RuntimeInfoHook
from mmengine.logging import HistoryBuffer

from ..checkpoint import CheckpointError
from ..evaluation.records import write_csv
from ..registry import HOOKS
from .checkpoint import training_checkpoints
from .distributed import gather_objects

_HISTORY = 1000
_NO_NAME = re.compile(r"[^\w.-]")  # what the name of a file does not keep of a figure's


@HOOKS.register_module()
class RunStateHook(RuntimeInfoHook):
    """mmengine's hook that publishes iteration, rates and losses, without the config's text.

    Formatting that text takes half a second, and nothing reads it. Losses on an accelerator are
    read as often as the log is written: reading one waits for the device.
    """

    def before_run(self, runner: Any) -> None:
        self.last_loop_stage = None
        self._unread: list[tuple[str, Any]] = []

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Keep the iteration's losses; publishes all that were kept when the log is due."""
        for name, value in (outputs or {}).items():
            kept = value.detach() if isinstance(value, torch.Tensor) else value
            self._unread.append((f"train/{name}", kept))
        intervals = [hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)]
        at_once = not any(
            isinstance(value, torch.Tensor) and value.device.type != "cpu"
            for _, value in self._unread
        )
        if at_once or any(self.every_n_train_iters(runner, n) for n in intervals):
            self._publish(runner)

    def after_train(self, runner: Any) -> None:
        """Publish what is left."""
        self._publish(runner)
        super().after_train(runner)

    def _publish(self, runner: Any) -> None:
        for name, value in self._unread:
            runner.message_hub.update_scalar(name, value)
        self._unread = []


@HOOKS.register_module()
class IterationTimer(Hook):
    """Measures each iteration: all of it, and the part spent waiting for data.

    Validation and saving are left out, so the figures tell the speed of training itself; the
    time left counts them in. The scalars of the run are kept for the last 1000 iterations only:
    mmengine's buffers would grow, and copy themselves at every iteration, for a million.
    """

    priority = "NORMAL"

    def before_train(self, runner: Any) -> None:
        self._started = self._begun = time.perf_counter()
        self._first = runner.iter

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        wait = runner.train_loop.data_wait
        self._begun = time.perf_counter() - wait
        runner.message_hub.update_scalar("train/data_time", wait)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        now, done = time.perf_counter(), runner.iter + 1
        runner.message_hub.update_scalar("train/time", now - self._begun)
        per_iteration = (now - self._started) / (done - self._first)
        runner.message_hub.update_info("eta", per_iteration * (runner.max_iters - done))
        if done % _HISTORY == 0:
            _bound_history(runner.message_hub)


@HOOKS.register_module()
class SafeCheckpointHook(Hook):
    """Saves what a run needs to go on, and the weights that validated best.

    An iteration that is validated is saved before, so that nothing is lost where the validation
    fails, and once more after it, with its figures. A failure to write (a full disk) is reported
    and training goes on with the last good file in place.

    Args:
        interval: Iterations between checkpoints, named ``iter_<n>.pth``; None saves only where
            the run validates.
        max_keep: How many of them to keep, the newest; None keeps all.
        save_best: Figure to watch, such as ``Set5/PSNR``; ``auto`` takes the first one that
            validation returns, None saves no best weights.
        rule: ``greater`` or ``less``: which figure is better.

    Raises:
        ValueError: A number is not positive, or the rule is another word.
    """

    priority = "VERY_LOW"

    def __init__(
        self,
        interval: int | None = None,
        max_keep: int | None = 3,
        save_best: str | None = "auto",
        rule: str = "greater",
    ) -> None:
        for name, value in (("interval", interval), ("max_keep", max_keep)):
            if value is not None and value < 1:
                raise ValueError(f"the checkpoint hook's {name} must be at least 1, got {value}")
        if rule not in ("greater", "less"):
            raise ValueError(f"rule must be `greater` or `less`, got `{rule}`")
        self.interval = interval
        self.max_keep = max_keep
        self.save_best = save_best
        self.rule = rule
        self.best: dict[str, Any] | None = None
        self.failed = False
        self._saved_at = -1

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        if runner._resume:
            self.best = _checked_best(checkpoint.get("best"))

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint["best"] = self.best

    def before_train(self, runner: Any) -> None:
        self._saved_at = runner.iter
        if self.interval is None:
            self.interval = runner.train_loop.val_interval

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        done = runner.iter + 1
        if done % self.interval == 0 or runner.train_loop.validation_due(done):
            self._save(runner, done)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        if metrics is None:
            return
        runner.latest_metrics = dict(metrics)
        if self.save_best is not None:
            self._save_if_best(runner, metrics)
        self._save(runner, runner.iter)

    def after_train(self, runner: Any) -> None:
        if self._saved_at != runner.iter:
            self._save(runner, runner.iter)
        if _of_first_process(self.failed):
            raise OSError(
                f"the last checkpoint could not be written to {runner.work_dir}; see the log"
            )

    def _save(self, runner: Any, done: int) -> None:
        if self._write(runner, f"iter_{done}.pth", done, resumable=True):
            self._saved_at = done
            self._remove_old(runner, done)

    def _write(self, runner: Any, name: str, done: int, resumable: bool) -> bool:
        try:
            runner.save_checkpoint(
                runner.work_dir,
                name,
                save_optimizer=resumable,
                save_param_scheduler=resumable,
                meta=dict(iter=done),
            )
        except OSError as error:
            runner.logger.error(f"{error}. Training goes on; earlier checkpoints are untouched")
            self.failed = True
            return False
        self.failed = False
        return True

    def _remove_old(self, runner: Any, done: int) -> None:
        if self.max_keep is None or not is_main_process():
            return
        # Files of later iterations belong to a run that was resumed from before them.
        kept = [path for path in training_checkpoints(runner.work_dir) if _number(path) <= done]
        for path in kept[self.max_keep :]:
            path.unlink(missing_ok=True)

    def _save_if_best(self, runner: Any, metrics: dict[str, float]) -> None:
        watched = next(iter(metrics)) if self.save_best == "auto" else self.save_best
        if watched not in metrics:
            raise ValueError(
                f"save_best=`{watched}` is not among the validation's figures: {', '.join(metrics)}"
            )
        score = float(metrics[watched])
        sign = 1 if self.rule == "greater" else -1
        if not math.isfinite(score) or (self.best and sign * score <= sign * self.best["score"]):
            return
        former = self.best
        name = f"best_{_NO_NAME.sub('_', watched)}_iter_{runner.iter}.pth"
        self.best = {"score": score, "file": name}
        if self._write(runner, name, runner.iter, resumable=False):
            runner.logger.info(f"Best {watched} so far: {score:.4f}, saved as {name}")
            if former and is_main_process() and former["file"] != name:
                Path(runner.work_dir, former["file"]).unlink(missing_ok=True)
        else:
            self.best = former


@HOOKS.register_module()
class RecordsHook(Hook):
    """Writes the per-image figures of the latest validation beside the log, as a CSV."""

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        evaluated = [m for e in runner.val_loop.evaluators for m in e.metrics]
        records = [record for metric in evaluated for record in getattr(metric, "records", [])]
        if records and is_main_process():
            path = Path(runner.log_dir, "per_image.csv")
            try:
                write_csv(path, records)
            except OSError as error:
                runner.logger.error(f"{path} cannot be written: {error}. Training goes on")


@HOOKS.register_module()
class SkipReportHook(Hook):
    """Tells which batches the optimizer's guard left out, and gives up after too many in a row.

    Raises:
        ValueError: More updates in a row were left out than ``max_skips`` allows.
    """

    priority = "ABOVE_NORMAL"

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        wrapper = runner.optim_wrapper
        reason = getattr(wrapper, "skip_reason", None)
        if reason is None:
            return
        samples = data_batch["data_samples"] if data_batch else []
        names = [name for part in gather_objects(_names(samples)) for name in part]
        runner.message_hub.update_scalar("train/skipped", wrapper.skipped)
        runner.logger.warning(
            f"Iteration {runner.iter + 1} left out ({wrapper.skipped} so far): {reason}; "
            f"its pictures: {', '.join(names)}"
        )
        if wrapper.skipped_in_a_row > wrapper.max_skips:
            raise ValueError(
                f"{wrapper.skipped_in_a_row} updates in a row were left out, the last because "
                f"{reason}; lower the learning rate or look at the pictures: {', '.join(names)}"
            )


@HOOKS.register_module()
class InterruptHook(Hook):
    """Stops a run in good order on SIGTERM and Ctrl-C: the iteration ends, its state is saved.

    With several processes all of them stop after the same iteration. Gradients being accumulated
    are finished first. A second Ctrl-C stops at once.
    """

    priority = "LOWEST"

    def __init__(self) -> None:
        self.received: int | None = None
        self._noted: int | None = None
        self._former: dict[int, Any] = {}
        self._group: Any = None

    def before_train(self, runner: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._note)
        if dist.is_available() and dist.is_initialized():
            self._group = dist.new_group(backend="gloo")

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        self._agree()
        if self.received is not None and runner.optim_wrapper.should_update():
            runner.train_loop.stop_training = True

    def after_train(self, runner: Any) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        if self._noted is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._noted = number

    def _agree(self) -> None:
        # Only the handler writes `_noted`: a signal that comes during the exchange counts in the
        # next one.
        flag = torch.tensor([self._noted or 0])
        if self._group is not None:
            dist.all_reduce(flag, op=dist.ReduceOp.MAX, group=self._group)
        self.received = int(flag) or None


def _names(samples: Any) -> list[str]:
    return [str(sample.get("gt_path") or sample.get("name")) for sample in samples]


def _checked_best(best: Any) -> dict[str, Any] | None:
    """What a checkpoint says of the best weights; its file is removed when better ones come.

    Raises:
        CheckpointError: It is no score and name of a file in the run's own folder.
    """
    if best is None:
        return None
    known = isinstance(best, dict) and best.keys() == {"score", "file"}
    if not known or not _is_finite(best["score"]) or not _is_best_name(best["file"]):
        raise CheckpointError(
            f"the checkpoint's entry `best` is {ascii(best)[:120]}: a finite score and the name of "
            "a file best_*.pth in the run's own folder are needed"
        )
    return {"score": float(best["score"]), "file": best["file"]}


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_best_name(name: Any) -> bool:
    return isinstance(name, str) and re.fullmatch(r"best_[\w.-]+\.pth", name) is not None


def _of_first_process(value: bool) -> bool:
    holder = [value]
    broadcast_object_list(holder)
    return holder[0]


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("iter_"))


def _bound_history(message_hub: Any) -> None:
    for key, buffer in list(message_hub.log_scalars.items()):
        if buffer.max_length == _HISTORY:
            continue
        values, counts = (part[-_HISTORY:] for part in buffer.data)
        message_hub.log_scalars[key] = HistoryBuffer(values, counts, max_length=_HISTORY)
