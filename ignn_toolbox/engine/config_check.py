"""Checks a config before anything is built: unknown keys and misspelt types are named.

What a component accepts is read from its ``__init__``, so the check knows every registered class,
also those that a user adds.
"""

import difflib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmengine.registry import Registry
from torch import nn
from torch.utils.data import DataLoader

from ..registry import (
    DATA_SAMPLERS,
    DATASETS,
    EVALUATOR,
    FUNCTIONS,
    HOOKS,
    LOG_PROCESSORS,
    LOOPS,
    METRICS,
    MODEL_WRAPPERS,
    MODELS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
    WEIGHT_INITIALIZERS,
)

# Top-level sections that hold components, and where their types are registered.
_COMPONENTS = {
    "model": MODELS,
    "data_preprocessor": MODELS,
    "train_cfg": LOOPS,
    "val_cfg": LOOPS,
    "test_cfg": LOOPS,
    "val_evaluator": METRICS,
    "test_evaluator": METRICS,
    "optim_wrapper": OPTIM_WRAPPERS,
    "param_scheduler": PARAM_SCHEDULERS,
    "default_hooks": HOOKS,
    "custom_hooks": HOOKS,
    "visualizer": VISUALIZERS,
    "log_processor": LOG_PROCESSORS,
    "model_wrapper_cfg": MODEL_WRAPPERS,
}
_DATALOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
# Top-level sections without a type, and the keys they may hold.
_PLAIN = {
    "randomness": ("seed", "diff_rank_seed", "deterministic"),
    "env_cfg": ("cudnn_benchmark", "mp_cfg", "dist_cfg", "resource_limit"),
    "auto_scale_lr": ("enable", "base_batch_size"),
}
_VALUES = (
    "activation_checkpointing",
    "batch_size",
    "channels_last",
    "compile",
    "custom_imports",
    "data_root",
    "default_scope",
    "experiment_name",
    "find_unused_parameters",
    "launcher",
    "load_from",
    "log_level",
    "lq_size",
    "resume",
    "work_dir",
)
TOP_LEVEL_KEYS = tuple(sorted({*_COMPONENTS, *_DATALOADERS, *_PLAIN, *_VALUES}))

# A key inside a component whose types live elsewhere than the component's own.
_NESTED = {
    "batch_sampler": DATA_SAMPLERS,
    "collate_fn": FUNCTIONS,
    "constructor": OPTIM_WRAPPER_CONSTRUCTORS,
    "dataset": DATASETS,
    "datasets": DATASETS,
    "init_cfg": WEIGHT_INITIALIZERS,
    "metrics": METRICS,
    "optimizer": OPTIMIZERS,
    "pipeline": TRANSFORMS,
    "sampler": DATA_SAMPLERS,
    "transforms": TRANSFORMS,
    "vis_backends": VISBACKENDS,
    "worker_init_fn": FUNCTIONS,
}
# Keys that mmengine takes out of a component's config before it builds the component.
_TAKEN_BY_MMENGINE: dict[Registry, tuple[str, ...]] = {
    HOOKS: ("priority",),
    OPTIM_WRAPPERS: ("constructor", "paramwise_cfg", "optimizer"),
    PARAM_SCHEDULERS: ("convert_to_iter_based",),
}
_DATALOADER_EXTRAS = ("batch_sampler", "collate_fn", "num_batch_per_epoch", "worker_init_fn")


def check_config(config: Mapping[str, Any]) -> None:
    """Raises for the first key or type in a config that nothing would read.

    Top-level names that begin with an underscore are the config's own helper variables.

    Raises:
        ValueError: Names the key or type, its place and the nearest valid name.
    """
    for key in config:
        if not key.startswith("_") and key not in TOP_LEVEL_KEYS:
            hint = "helper variables begin with an underscore"
            raise ValueError(_unknown("key", key, "the config", TOP_LEVEL_KEYS, hint))
    for key, allowed in _PLAIN.items():
        _check_keys(config.get(key) or {}, allowed, key)
    for key in _DATALOADERS:
        for place, loader in _each(config.get(key), key):
            _check_keys(loader, {*_parameters(DataLoader.__init__), *_DATALOADER_EXTRAS}, place)
            _check_children(loader, DATASETS, place)
    for key, registry in _COMPONENTS.items():
        _check_component(config.get(key), registry, key)


def accepted_keys(component: Any) -> set[str] | None:
    """The config keys that a class or function takes, those of its bases included.

    Returns:
        None for a class that takes any key and hands it to no base, as mmengine's ``EMAHook``.
    """
    if not inspect.isclass(component):
        return set(_parameters(component))
    names: set[str] = set()
    for base in component.__mro__[:-1]:
        if "__init__" not in vars(base):
            continue
        parameters = _parameters(vars(base)["__init__"])
        names.update(parameters)
        if base is nn.Module or not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return names
    return None if names else set()


def find_type(type_: Any, registry: Registry, place: str) -> Any:
    """The class or function that a config's ``type`` names.

    Raises:
        ValueError: Nothing is registered under this name.
    """
    if not isinstance(type_, str):
        return type_
    known = _registered(registry)
    found = known.get(type_.split(".")[-1]) if "." in type_ else known.get(type_)
    if found is None:
        raise ValueError(_unknown(registry.name, type_, f"{place}.type", known))
    return found


def _check_component(node: Any, registry: Registry, place: str) -> None:
    if isinstance(node, Mapping):
        if "type" in node:
            owner = EVALUATOR if registry is METRICS and "metrics" in node else registry
            component = find_type(node["type"], owner, place)
            allowed = accepted_keys(component)
            if allowed is not None:
                taken = _TAKEN_BY_MMENGINE.get(registry, ())
                _check_keys(node, {*allowed, *taken, "type", "_scope_"}, place, component)
        _check_children(node, registry, place)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, item in enumerate(node):
            _check_component(item, registry, f"{place}[{index}]")


def _check_children(node: Mapping[str, Any], registry: Registry, place: str) -> None:
    for key, value in node.items():
        _check_component(value, _NESTED.get(key, registry), f"{place}.{key}")


def _check_keys(
    node: Mapping[str, Any], allowed: Iterable[str], place: str, component: Any = None
) -> None:
    allowed = set(allowed) - {"self", "args", "kwargs"}
    for key in node:
        if key not in allowed:
            owner = f" ({component.__name__})" if component is not None else ""
            raise ValueError(_unknown("key", key, f"{place}{owner}", allowed))


def _registered(registry: Registry) -> dict[str, Any]:
    known: dict[str, Any] = {}
    current: Registry | None = registry
    while current is not None:
        current.import_from_location()
        known = {**current.module_dict, **known}
        current = current.parent
    return known


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _each(node: Any, place: str) -> list[tuple[str, Mapping[str, Any]]]:
    if node is None:
        return []
    if isinstance(node, Mapping):
        return [(place, node)]
    return [(f"{place}[{index}]", item) for index, item in enumerate(node)]


def _unknown(kind: str, name: str, place: str, known: Iterable[str], hint: str = "") -> str:
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
    return f"unknown {kind} `{name}` in {place}; {advice}" + (f" ({hint})" if hint else "")
