"""What can be known to fail before a run starts."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

_REQUIRED = ("model", "train_dataloader", "train_cfg", "optim_wrapper")


def check_training(config: Config) -> None:
    """Checks that the sections of a training config agree with each other.

    Raises:
        ValueError: A section is missing, a schedule reaches beyond the run, or accumulation does
            not divide the checkpoint interval.
    """
    missing = [key for key in _REQUIRED if not config.get(key)]
    if missing:
        raise ValueError(f"the config has no {', '.join(missing)}, which training needs")
    if "batch_size" not in config.train_dataloader:
        raise ValueError("train_dataloader has no batch_size; set it, or batch_size at the top")
    max_iters = config.train_cfg.get("max_iters")
    for place, value in _schedule_points(config.get("param_scheduler")):
        if isinstance(max_iters, int) and value > max_iters:
            raise ValueError(
                f"{place}={value} lies beyond train_cfg.max_iters={max_iters}: the learning rate "
                "would never get there; change the two together"
            )
    _check_accumulation(config)


def _schedule_points(schedulers: Any) -> Iterator[tuple[str, int]]:
    single = isinstance(schedulers, Mapping)
    for index, item in enumerate([schedulers] if single else schedulers or []):
        place = "param_scheduler" if single else f"param_scheduler[{index}]"
        if item.get("by_epoch", True):
            raise ValueError(f"{place} counts epochs; set by_epoch=False: runs count iterations")
        for key in ("end", "T_max"):
            if item.get(key) is not None:
                yield f"{place}.{key}", item[key]
        for milestone in item.get("milestones", []):
            yield f"{place}.milestones", milestone
        if item.get("periods"):
            yield f"the end of {place}.periods", item.get("begin", 0) + sum(item["periods"])


def _check_accumulation(config: Config) -> None:
    counts = config.optim_wrapper.get("accumulative_counts", 1)
    hook = (config.get("default_hooks") or {}).get("checkpoint") or {}
    interval = hook.get("interval") or config.train_cfg.get("val_interval", 1000)
    if counts < 1 or interval % counts:
        raise ValueError(
            f"optim_wrapper.accumulative_counts={counts} does not divide the checkpoint interval "
            f"{interval}: gradients that are only half collected are not saved"
        )
