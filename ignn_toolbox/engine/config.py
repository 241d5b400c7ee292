"""Loads a config: finds it by name or path, applies options and shared values, and checks it.

A config says some things once that many components need: the root folder of the data
(``data_root``), the upscaling factor (the network's ``scale``), the seed (``randomness.seed``),
and a schedule's batch and crop (``batch_size``; ``lq_size``, a number or ``dict(x2=..., x3=...,
x4=...)``). Here they are handed to every data set, transform and metric that takes them and does
not set its own.
"""

import ast
import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry

from ..registry import DATASETS, METRICS, SCOPE, TRANSFORMS
from ..zoo.index import find_config
from .config_check import accepted_keys, check_config, find_type

# Hooks that mmengine's runner adds by itself; None keeps them away, and only them.
_RUNNERS = ("runtime_info", "timer", "sampler_seed", "logger", "param_scheduler", "checkpoint")
_DATALOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


def load_config(
    name_or_path: str | Path,
    options: Mapping[str, Any] | None = None,
    *,
    data_root: str | Path | None = None,
) -> Config:
    """Reads a config, changes it as asked and makes sure that every key in it means something.

    Args:
        name_or_path: A config file, or the name of a bundled config or zoo model.
        options: Changes by dotted key, such as ``{"train_cfg.max_iters": 200}``.
        data_root: Folder that holds the data sets; replaces the config's own.

    Raises:
        FileNotFoundError: No such config; the message names the nearest.
        ValueError: The file cannot be read, holds an unknown key or type, or contradicts itself.
    """
    path = find_config(name_or_path)
    try:
        config = Config.fromfile(path)
    except (SyntaxError, NameError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be read as a config: {error!r}") from error
    if options:
        try:
            config.merge_from_dict(copy.deepcopy(dict(options)))
        except (KeyError, TypeError, IndexError, AssertionError) as error:
            raise ValueError(f"an option does not fit the config: {error}") from error
    if data_root is not None:
        config.data_root = str(data_root)
    config.setdefault("default_scope", SCOPE)
    hooks = config.get("default_hooks") or {}
    for name in [name for name, hook in hooks.items() if hook is None and name not in _RUNNERS]:
        hooks.pop(name)
    check_config(config)
    _share_values(config)
    return config


def parse_options(words: list[str] | None) -> dict[str, Any]:
    """Turns ``key=value`` words of the command line into options; values are Python literals.

    Raises:
        ValueError: A word has no ``=``.
    """
    options = {}
    for word in words or []:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise ValueError(f"`{word}` is no option; write key=value")
        try:
            options[key] = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            options[key] = text
    return options


def network_scale(config: Mapping[str, Any]) -> int | None:
    """The upscaling factor of the config's network, or None where no network names one."""
    for node in _dicts(config.get("model")):
        network = node.get("network")
        if isinstance(network, Mapping) and "scale" in network:
            return int(network["scale"])
    return None


def dataloaders(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each dataloader section with its place: ``train_dataloader``, ``test_dataloader[0]``, ..."""
    for key in _DATALOADERS:
        section = config.get(key)
        if isinstance(section, dict):
            yield key, section
        for index, item in enumerate(section if isinstance(section, list) else []):
            yield f"{key}[{index}]", item


def _share_values(config: Config) -> None:
    scale = network_scale(config)
    shared = {
        "scale": scale,
        "data_root": config.get("data_root"),
        "lq_size": _for_scale(config.get("lq_size"), scale),
        "seed": (config.get("randomness") or {}).get("seed"),
    }
    shared = {key: value for key, value in shared.items() if value is not None}
    for place, loader in dataloaders(config):
        for node, registry in _typed(loader.get("dataset"), DATASETS):
            _fill(node, shared, registry, place)
        if loader.get("num_workers", 0) == 0:
            for key in ("persistent_workers", "prefetch_factor"):
                loader.pop(key, None)
    for key in ("val_evaluator", "test_evaluator"):
        for node, registry in _typed(config.get(key), METRICS):
            _fill(node, shared, registry, key)
    if "batch_size" in config and "train_dataloader" in config:
        config.train_dataloader.setdefault("batch_size", config.batch_size)


def _for_scale(value: Any, scale: int | None) -> Any:
    if not isinstance(value, Mapping):
        return value
    if f"x{scale}" not in value:
        raise ValueError(f"lq_size={dict(value)} has no entry x{scale} for the network's scale")
    return value[f"x{scale}"]


def _fill(node: dict[str, Any], shared: Mapping[str, Any], registry: Registry, place: str) -> None:
    accepted = accepted_keys(find_type(node["type"], registry, place)) or ()
    for key, value in shared.items():
        if key in accepted:
            node.setdefault(key, value)
    scale = node.get("scale", shared.get("scale"))
    if "scale" in shared and scale != shared["scale"]:
        raise ValueError(
            f"{place}: {node['type']} has scale={scale}, but the network upscales by "
            f"{shared['scale']}; leave the data's scale out, it follows the network"
        )
    for key, value in node.items():
        if isinstance(value, str):
            node[key] = value.replace("{scale}", str(scale))
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            node[key] = [item.replace("{scale}", str(scale)) for item in value]


def _typed(node: Any, registry: Registry) -> Iterator[tuple[dict[str, Any], Registry]]:
    if isinstance(node, Mapping):
        if "type" in node:
            yield node, registry  # type: ignore[misc]
        for key, value in node.items():
            inner = TRANSFORMS if key in ("pipeline", "transforms") else registry
            yield from _typed(value, inner)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _typed(item, registry)


def _dicts(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        yield node
        for value in node.values():
            yield from _dicts(value)
