"""Starts or continues a training run."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size

from ..errors import frames
from .config import named_places
from .distributed import finish, launch
from .hooks import InterruptHook
from .preflight import check_training
from .runner import TrainingRunner
from .work_dir import held, prepare_run


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Attributes:
        work_dir: Where its checkpoints and logs lie.
        iterations: Iterations done in all.
        stopped_by: The signal that ended it early, or None.
        metrics: Figures of the last validation.
    """

    work_dir: Path
    iterations: int
    stopped_by: signal.Signals | None
    metrics: dict[str, float]


def train(
    config: Config,
    *,
    work_dir: str | Path | None = None,
    resume: bool | str | Path = False,
    launcher: str = "none",
    allow_config_change: bool = False,
) -> TrainingResult:
    """Train what a config describes.

    Args:
        config: From `engine.config.load_config`.
        work_dir: Folder of checkpoints and logs; ``work_dirs/<config>`` by default.
        resume: True continues from the newest readable checkpoint in ``work_dir``, if there is
            one; a path continues from that file.
        launcher: ``none``, ``pytorch`` or ``slurm``.
        allow_config_change: Resume although the config differs from the run's.

    Raises:
        ValueError: The config asks for something impossible.
        FileNotFoundError: Data or the checkpoint to resume from do not exist.
        OSError: ``work_dir`` cannot be written, or another run is in it.
    """
    prepare_run(config, work_dir)
    check_training(config)
    config.resume = bool(resume)
    if not isinstance(resume, bool):
        config.load_from = str(resume)
    try:
        launch(launcher, config)
        with held(config.work_dir), named_places(config):
            runner = TrainingRunner.from_cfg(config)
            runner.allow_config_change = allow_config_change
            _tell_batch(runner, config)
            _tell_unused_rates(runner, config)
            runner.train()
        return TrainingResult(
            work_dir=Path(runner.work_dir),
            iterations=runner.iter,
            stopped_by=_signal(runner),
            metrics=dict(runner.latest_metrics),
        )
    except AssertionError as error:  # how mmengine answers a value it does not like
        if any(line.is_users for line in frames(error)):
            raise
        raise ValueError(f"mmengine refuses the config: {error}") from error
    finally:
        finish()


def _tell_batch(runner: TrainingRunner, config: Config) -> None:
    batch = config.train_dataloader.batch_size
    accumulated = config.optim_wrapper.get("accumulative_counts", 1)
    whole = batch * get_world_size() * accumulated
    rate = config.optim_wrapper.optimizer.get("lr", "the optimizer's own")
    scaling = config.get("auto_scale_lr") or {}
    rule = (
        f"scaled linearly from batch {scaling['base_batch_size']}"
        if scaling.get("enable")
        else "not scaled with it"
    )
    runner.logger.info(
        f"An update takes {whole} samples: {get_world_size()} processes x {batch} x "
        f"{accumulated} accumulated; learning rate {rate}, {rule}"
    )


def _tell_unused_rates(runner: TrainingRunner, config: Config) -> None:
    """Warns of learning rates for layers that the network does not have."""
    keys = (config.optim_wrapper.get("paramwise_cfg") or {}).get("custom_keys") or {}
    names = [name for name, _ in runner.model.named_parameters()]
    unused = [key for key in keys if not any(key in name for name in names)]
    if unused:
        runner.logger.warning(
            f"optim_wrapper.paramwise_cfg.custom_keys names {', '.join(unused)}: no parameter of "
            "this network is called so"
        )


def _signal(runner: Any) -> signal.Signals | None:
    numbers = [h.received for h in runner.hooks if isinstance(h, InterruptHook)]
    return signal.Signals(numbers[0]) if numbers and numbers[0] is not None else None
