"""What can be known to fail before a run starts."""

import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from ..devices import find_device
from ..registry import DATA_SAMPLERS, LOOPS, VISBACKENDS
from .config.check import find_type
from .loops import IterationTrainLoop, MultiTestLoop, MultiValLoop
from .sampler import IterationSampler

_TRAINING = ("model", "train_dataloader", "train_cfg", "optim_wrapper")
_BENCHMARKS = "the base ignn_toolbox::_base_/datasets/benchmarks.py"
_PACKAGES = {  # of back ends, and how they are installed
    "TensorboardVisBackend": ("tensorboard", "'ignn_toolbox[vis]'"),
    "WandbVisBackend": ("wandb", "wandb"),
    "MLflowVisBackend": ("mlflow", "mlflow"),
}
_LOOPS = {"train_cfg": IterationTrainLoop, "val_cfg": MultiValLoop, "test_cfg": MultiTestLoop}


def check_training(config: Config) -> None:
    """Check that the sections of a training config agree with each other.

    Raises:
        ValueError: A section is missing, a loop or sampler cannot do what runs here need, a
            schedule reaches beyond the run, accumulation does not divide the checkpoint
            interval, or the device is not here.
    """
    _require(config, _TRAINING, "training")
    find_device(config.get("device"))
    _check_loops(config)
    _check_validation(config)
    loader = config.train_dataloader
    if not isinstance(loader, Mapping):
        raise ValueError("train_dataloader must be one loader; a ConcatDataset joins data sets")
    _check_kind(loader.get("sampler"), DATA_SAMPLERS, IterationSampler, "train_dataloader.sampler")
    if "batch_size" not in loader:
        raise ValueError("train_dataloader has no batch_size; set it, or batch_size at the top")
    max_iters = config.train_cfg.get("max_iters")
    for place, value in _schedule_points(config.get("param_scheduler")):
        if value < 1:
            raise ValueError(f"{place} must be at least 1, got {value}")
        if isinstance(max_iters, int) and value > max_iters:
            raise ValueError(
                f"{place}={value} lies beyond train_cfg.max_iters={max_iters}: the learning rate "
                "would never get there; change the two together"
            )
    _check_accumulation(config)
    scaling = config.get("auto_scale_lr") or {}
    if scaling.get("enable") and scaling.get("base_batch_size", 0) < 1:
        raise ValueError("auto_scale_lr.base_batch_size must say the batch the rate was meant for")
    _check_backends(config)


def check_test(config: Config) -> None:
    """Check that a config has what a test needs.

    Raises:
        ValueError: A section is missing, its loop is another one, or the device is not here.
    """
    _require(config, ("model", "test_dataloader", "test_evaluator", "test_cfg"), "a test")
    find_device(config.get("device"))
    _check_loops(config)
    _check_backends(config)


def _require(config: Config, sections: tuple[str, ...], purpose: str) -> None:
    missing = [key for key in sections if not config.get(key)]
    if missing:
        hint = f"; {_BENCHMARKS} has them" if missing[0].startswith("test_") else ""
        raise ValueError(f"the config has no {', '.join(missing)}, which {purpose} needs{hint}")


def _check_loops(config: Config) -> None:
    for key, kind in _LOOPS.items():
        if config.get(key) is not None:
            _check_kind(config[key], LOOPS, kind, key)


def _check_kind(node: Any, registry: Any, kind: type, place: str) -> None:
    type_ = None if node is None else node.get("type")
    if type_ is None or not issubclass(find_type(type_, registry, place), kind):
        raise ValueError(f"{place} must be dict(type='{kind.__name__}', ...), got {type_}")


def _check_validation(config: Config) -> None:
    sections = ("val_dataloader", "val_evaluator", "val_cfg")
    missing = [key for key in sections if config.get(key) is None]
    if 0 < len(missing) < len(sections):
        raise ValueError(
            f"the config has no {', '.join(missing)}; a run validates with all of "
            f"{', '.join(sections)}, or with all of them None not at all"
        )


def _check_backends(config: Config) -> None:
    backends = (config.get("visualizer") or {}).get("vis_backends") or []
    names = [find_type(item["type"], VISBACKENDS, "vis_backends").__name__ for item in backends]
    for name in names:
        package, command = _PACKAGES.get(name, ("", ""))
        if package and importlib.util.find_spec(package) is None:
            raise ValueError(f"{name} needs the package {package}: pip install {command}")


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
    if counts < 1:
        raise ValueError(f"optim_wrapper.accumulative_counts must be at least 1, got {counts}")
    hook = (config.get("default_hooks") or {}).get("checkpoint") or {}
    validations = config.train_cfg.get("val_interval", 1000)
    for interval in (hook.get("interval") or validations, validations):
        if interval % counts:
            raise ValueError(
                f"optim_wrapper.accumulative_counts={counts} does not divide the checkpoint "
                f"interval {interval}: gradients that are only half collected are not saved"
            )
