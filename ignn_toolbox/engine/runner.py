"""mmengine's runner with checkpoints of our own: safe to read, written whole, resumed exactly."""

from pathlib import Path
from pprint import pformat
from typing import Any

import torch
from mmengine.dist import broadcast_object_list, is_main_process, master_only
from mmengine.logging import MMLogger
from mmengine.model import BaseModel, is_model_wrapper
from mmengine.runner import Runner
from mmengine.utils import apply_to
from torch.utils.data import DataLoader

from ..checkpoint import CheckpointError, load_checkpoint, meta_of, save_checkpoint
from ..datasets.batch import pack_batch
from ..devices import describe_device, find_device
from ..files import remove_all_partial, write_bytes
from ..stored_model import config_to_store, stored_metrics
from ..version import __version__
from ..weights import check_finite, load_weights
from ..zoo.whose import anothers
from .checkpoint import training_checkpoints
from .config import network_scale
from .log import set_up
from .resume import check_same_run, continue_schedules, plain, schedules_restart
from .resume_state import check_resume_state

_RESUMABLE = ("loop", "optimizer", "param_schedulers")


class TrainingRunner(Runner):
    """Trains and tests restorers.

    Attributes:
        allow_config_change: Whether a run may be resumed under another config.
        latest_metrics: Figures of the last validation; they travel in the checkpoint.
    """

    _has_loaded: bool
    allow_config_change: bool = False
    latest_metrics: dict[str, float] = {}

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build the run's logger, which says what matters and outlives a full disk."""
        logger = super().build_logger(*args, **kwargs)
        set_up(logger)
        return logger

    def build_model(self, model: Any) -> torch.nn.Module:
        """Build the restorer, in the memory format that ``channels_last`` asks for.

        Raises:
            TypeError: What the config names is no model with mmengine's modes.
        """
        built = super().build_model(model)
        if not isinstance(built, BaseModel):
            raise TypeError(
                f"model is {type(built).__name__}, which cannot be trained or tested by itself; it "
                "belongs into model=dict(type='Restorer', ...)"
            )
        if self.cfg.get("channels_last", False):
            built = built.to(memory_format=torch.channels_last)
        return built

    def wrap_model(self, model_wrapper_cfg: Any, model: torch.nn.Module) -> torch.nn.Module:
        """Put the restorer where the config's ``device`` says; wraps it among several processes.

        Raises:
            ValueError: There is no such device here.
        """
        if self.distributed:
            return super().wrap_model(model_wrapper_cfg, model)
        return model.to(self._device())

    def _device(self) -> torch.device:
        return find_device(self.cfg.get("device"))

    @staticmethod
    def build_dataloader(
        dataloader: Any, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader:
        """Build a loader whose batches are cheap to send between processes."""
        if isinstance(dataloader, dict):
            dataloader = {"collate_fn": pack_batch, **dataloader}
        return Runner.build_dataloader(dataloader, seed, diff_rank_seed)

    def _log_env(self, env_cfg: dict[str, Any]) -> None:
        device = describe_device(self._device())
        self.logger.info(
            f"ignn_toolbox {__version__}, torch {torch.__version__}, device {device}, "
            f"{torch.get_num_threads()} threads, {self.world_size} processes, seed {self.seed}; "
            f"config and logs in {self.log_dir}"
        )

    @master_only
    def dump_config(self) -> None:
        """Write the run's config into its work dir, as a config that can be loaded again."""
        name = Path(self.cfg.filename).name if self.cfg.filename else "run.py"
        sections = self.cfg.to_dict().items()
        text = "\n".join(f"{key} = {pformat(value, width=100)}" for key, value in sections)
        write_bytes(Path(self.work_dir, name), f"{text}\n".encode())

    @property
    def bare_model(self) -> torch.nn.Module:
        """The restorer without the wrapper of distributed training."""
        return self.model.module if is_model_wrapper(self.model) else self.model

    def load_or_resume(self) -> None:
        """Continue a run, or start from given weights, as ``resume`` and ``load_from`` say."""
        if self._has_loaded:
            return
        if self._resume and self._load_from is None:
            self._resume_latest()
        elif self._resume:
            self.resume(self._load_from)
        elif self._load_from is not None:
            self.load_checkpoint(self._load_from)
        self._has_loaded = True

    def load_checkpoint(  # type: ignore[override]
        self, filename: str, map_location: Any = "cpu", **_: Any
    ) -> dict[str, Any]:
        """Load weights that must fit the model entirely.

        Raises:
            CheckpointError: They do not fit, or the file is damaged or unsafe.
        """
        checkpoint = load_checkpoint(filename, map_location)
        self._take_weights(checkpoint, str(filename))
        self.logger.info(f"Loaded weights from {filename}")
        return checkpoint

    def resume(self, filename: str, *_: Any, **__: Any) -> None:  # type: ignore[override]
        """Continue a run from one of its checkpoints.

        Raises:
            CheckpointError: The file is damaged, unsafe, or holds weights only.
            ValueError: The run had another config; the message lists what differs.
        """
        self._resume_from(load_checkpoint(filename), str(filename))

    @master_only
    def save_checkpoint(  # type: ignore[override]
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict[str, Any] | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict[str, Any] | None = None,
        by_epoch: bool = True,
        backend_args: dict[str, Any] | None = None,
    ) -> None:
        """Write a checkpoint of tensors and plain values, whole or not at all.

        Args:
            out_dir: Folder.
            filename: File name in it.
            file_client_args: Of mmengine's signature; must be None.
            save_optimizer: Whether the optimizer goes in.
            save_param_scheduler: Whether the learning-rate schedules go in.
            meta: May hold ``iter``, the iterations done.
            by_epoch: As in mmengine: False means that the current iteration counts as done.
            backend_args: Of mmengine's signature; must be None.

        Raises:
            CheckpointError: A weight is not finite; nothing is written.
            OSError: The disk is full or the folder not writable.
        """
        if file_client_args is not None or backend_args is not None:
            raise ValueError("checkpoints are written to local folders only")
        done = (meta or {}).get("iter", self.iter + (0 if by_epoch else 1))
        checkpoint: dict[str, Any] = {
            "meta": self._meta(done),
            "state_dict": _on_cpu(self.bare_model.state_dict()),
        }
        state = self._training_state()
        if save_optimizer:
            checkpoint["optimizer"] = _on_cpu(state["optimizer"])
            checkpoint["loop"] = state["loop"] | {"iter": done}
        if save_param_scheduler:
            checkpoint["param_schedulers"] = state["param_schedulers"]
        self.call_hook("before_save_checkpoint", checkpoint=checkpoint)
        for part in ("state_dict", "ema_state_dict"):
            check_finite(checkpoint.get(part, {}), f"the weights after iteration {done}")
        save_checkpoint(checkpoint, Path(out_dir) / filename)

    def _training_state(self) -> dict[str, Any]:
        """What a run needs to go on, beside the weights."""
        return {
            "optimizer": self.optim_wrapper.state_dict(),
            "loop": self.train_loop.state_dict(),
            "param_schedulers": [item.state_dict() for item in self.param_schedulers or []],
        }

    def _meta(self, iterations: int) -> dict[str, Any]:
        return {
            "config": config_to_store(self.cfg.model),
            "scale": network_scale(self.cfg),
            "toolbox_version": __version__,
            "metrics": dict(self.latest_metrics),
            "iter": iterations,
            "seed": self.seed,
            "training_config": plain(self.cfg.to_dict()),
        }

    def _resume_latest(self) -> None:
        """Take the newest checkpoint that can be read; all processes take the same one."""
        found: list[Any] = [None]
        if is_main_process():
            remove_all_partial(self.work_dir)
            found = [self._newest_readable()]
        broadcast_object_list(found)
        if found[0] is None:
            self.logger.info(f"Nothing to resume in {self.work_dir}: starting from iteration 0")
            return
        self.resume(found[0])

    def _newest_readable(self) -> str | None:
        for path in training_checkpoints(self.work_dir):
            try:
                load_checkpoint(path)
            except CheckpointError as error:
                self.logger.warning(f"{error}; trying the one before")
            else:
                return str(path)
        return None

    def _resume_from(self, checkpoint: dict[str, Any], name: str) -> None:
        missing = [key for key in _RESUMABLE if key not in checkpoint]
        if missing:
            raise CheckpointError(
                f"{name} has no {', '.join(missing)}: it holds weights only and cannot be resumed; "
                "use load_from to start a new run from it"
            )
        check_same_run(meta_of(checkpoint), self, name)
        own = self._training_state()
        optimizer = self.optim_wrapper.optimizer
        check_resume_state(
            checkpoint,
            own,
            [parameter for group in optimizer.param_groups for parameter in group["params"]],
            name,
            schedules=not schedules_restart(self, checkpoint),
        )
        self._take_weights(checkpoint, name)
        self.train_loop.load_state_dict(checkpoint["loop"])
        groups = self.optim_wrapper.optimizer.param_groups
        fresh = [{k: v for k, v in group.items() if k != "params"} for group in groups]
        self.optim_wrapper.load_state_dict(checkpoint["optimizer"])
        continue_schedules(self, checkpoint, fresh)
        self.latest_metrics = stored_metrics(checkpoint)
        self.logger.info(f"Resumed {name} at iteration {self.iter}")

    def _take_weights(self, checkpoint: dict[str, Any], name: str) -> None:
        self.call_hook("after_load_checkpoint", checkpoint=checkpoint)
        try:
            load_weights(self.bare_model, checkpoint, name)
        except CheckpointError as error:
            raise anothers(self.bare_model, checkpoint, name) or error from error


def _on_cpu(state: Any) -> Any:
    return apply_to(state, lambda item: hasattr(item, "cpu"), lambda item: item.detach().cpu())
