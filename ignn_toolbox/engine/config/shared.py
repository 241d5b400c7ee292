"""Hands what a config says once to all components that need it.

The root folder of the data (``data_root``), the scale (the network's ``scale``), the seed
(``randomness.seed``), and a schedule's batch and crop (``batch_size``; ``lq_size``, a number or
``dict(x2=..., x3=..., x4=...)``) reach every data set, degradation, transform
and metric that takes them and does not set its own.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry

from ...registry import DATASETS, DEGRADATIONS, METRICS, TRANSFORMS
from .check import DATALOADERS, accepted_keys, find_type

_INNER = {"degradations": DEGRADATIONS, "pipeline": TRANSFORMS, "transforms": TRANSFORMS}


def network_scale(config: Mapping[str, Any]) -> int | None:
    """Return the upscaling factor of the config's network, or None where no network names one."""
    for node in _dicts(config.get("model")):
        network = node.get("network")
        if isinstance(network, Mapping) and "scale" in network:
            return int(network["scale"])
    return None


def dataloaders(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each dataloader section with its place, such as ``test_dataloader[0]``."""
    for key in DATALOADERS:
        section = config.get(key)
        if isinstance(section, dict):
            yield key, section
        for index, item in enumerate(section if isinstance(section, list) else []):
            yield f"{key}[{index}]", item


def share_values(config: Config) -> None:
    """Fill in what components take from the config's shared values.

    Raises:
        ValueError: Data or crops contradict the network's scale.
    """
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
            yield from _typed(value, _INNER.get(key, registry))
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _typed(item, registry)


def _dicts(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        yield node
        for value in node.values():
            yield from _dicts(value)
