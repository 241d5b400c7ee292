"""The model's config that a checkpoint carries: data, from which only registered parts are built.

Whoever wrote a file also wrote the config in it. So it may name components that are registered in
this process and nothing else, and nothing is allocated that the file's own tensors do not fill.
"""

import math
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as hooks

from .checkpoint import CheckpointError, meta_of
from .registry import MODELS, SCOPE
from .weights import load_weights, misfits, own_weights

_DEEPEST = 16
_LARGEST = 2**20  # of a whole number
_MOST_MEMORY = 2**40  # of a budget in bytes
_LEFT_OUT = ("init_cfg", "adapt")  # where a training began, and how pictures are restored
_MOST_VALUES = 2_000
_LONGEST = 200  # of a text
_SPARE_PARTS = 256
_SPARE_ELEMENTS = 2**20


def stored_config(content: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the model's config in a checkpoint, in plain values.

    Where a training started (``init_cfg``) is left out: all weights come with the file; so is
    ``adapt``: how a picture is restored is for the user to say. Of a path only the file's name is
    kept.

    Args:
        content: What `load_checkpoint` returned.
        source: The file's name, for the message.

    Raises:
        CheckpointError: There is none, or it is not what this toolbox writes: it names a component
            that is not registered, a scope, a path to import, or values that no config has.
    """
    config = meta_of(content).get("config")
    if not isinstance(config, Mapping) or not config:
        raise CheckpointError(
            f"{source} does not say which model it belongs to; name the config and pass the file "
            "as the checkpoint, or convert a foreign file with `ignn import`"
        )
    reader = _Reader(source)
    checked = reader.read(config, "model", 0)
    if "type" not in checked:
        raise reader.objection("model", "has no type")
    return checked


def config_to_store(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's config as a checkpoint is to carry it: registered names, plain values.

    ``init_cfg`` and ``adapt`` are left out, see `stored_config`, and of a path only the file's name
    is kept: where a training started is a path of one machine.
    """
    return _stored(config)


def stored_metrics(content: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures in a checkpoint's ``meta``; what is no finite number is left out."""
    metrics = meta_of(content).get("metrics")
    if not isinstance(metrics, Mapping):
        return {}
    return {
        name: float(value)
        for name, value in list(metrics.items())[:_SPARE_PARTS]
        if isinstance(name, str) and len(name) <= _LONGEST and name.isprintable()
        if isinstance(value, int | float) and abs(value) <= sys.float_info.max
    }


def build_stored(
    config: Mapping[str, Any], content: Mapping[str, Any], source: str, *, given: str | None = None
) -> nn.Module:
    """Build the model of a config out of a file, and load the weights that it was made for.

    It is built without memory first. Only if its tensors are exactly the file's, it is built again
    with memory for them.

    Args:
        config: From `stored_config`, or inferred from the file's tensors.
        content: What `load_checkpoint` returned.
        source: The file's name, for the message.
        given: Tensors with this in their name come from the config where the file lacks them.

    Raises:
        CheckpointError: The config does not build, or does not describe the file's tensors.
    """
    weights = own_weights(content, source)
    held = sum(value.numel() for value in weights.values())
    with _bounded(len(weights), source), torch.device("meta"):
        dry = _built(config, source)
    needed = {
        name: value
        for name, value in dry.state_dict().items()
        if name in weights or given is None or given not in name
    }
    faults = misfits(needed, weights, source)
    if faults is not None:
        raise faults
    wanted = sum(value.numel() for value in [*dry.parameters(), *dry.buffers()])
    if wanted > 2 * held + _SPARE_ELEMENTS:
        raise CheckpointError(
            f"{source}: its config describes {wanted:,} numbers, but the file holds {held:,}"
        )
    model = _built(config, source)
    load_weights(model, {"state_dict": {**model.state_dict(), **weights}}, source)
    return model


class _Reader:
    """Copies a config out of a file, and stops at the first value that it should not have."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.values = 0

    def read(self, node: Any, place: str, depth: int) -> Any:
        self.values += 1
        if depth > _DEEPEST or self.values > _MOST_VALUES:
            raise self.objection("the config", "is nested too deeply or too long")
        if isinstance(node, Mapping):
            return self._mapping(node, place, depth)
        if isinstance(node, list | tuple):
            return [self.read(v, f"{place}[{i}]", depth + 1) for i, v in enumerate(node)]
        if node is None or isinstance(node, bool):
            return node
        most = _MOST_MEMORY if place.endswith(".memory") else _LARGEST
        if isinstance(node, int) and abs(node) <= most:
            return node
        if isinstance(node, float) and math.isfinite(node):
            return node
        if isinstance(node, str) and len(node) <= _LONGEST and node.isprintable():
            return _bare(node)
        kind = type(node).__name__
        shown = ascii(node)[:60] if isinstance(node, int | float | str) else ""
        raise self.objection(place, f"is {kind} {shown}".rstrip() + ", which no config has")

    def _mapping(self, node: Mapping[Any, Any], place: str, depth: int) -> dict[str, Any]:
        for key in node:
            if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", key):
                raise self.objection(place, f"has the key {ascii(key)[:60]}, which no config has")
        if "type" in node:
            self._check_type(node["type"], f"{place}.type")
        return {
            key: self.read(value, f"{place}.{key}", depth + 1)
            for key, value in node.items()
            if key not in _LEFT_OUT
        }

    def _check_type(self, name: Any, place: str) -> None:
        MODELS.import_from_location()
        if not isinstance(name, str) or name not in MODELS.module_dict:
            shown = ascii(name)[:60] if isinstance(name, str) else type(name).__name__
            raise CheckpointError(
                f"{self.source}: {place} is {shown}, which is not registered. A checkpoint may "
                "only name components of the toolbox and of modules that a config of yours "
                "imports: name that config as the model and this file as its checkpoint"
            )

    def objection(self, place: str, fault: str) -> CheckpointError:
        return CheckpointError(
            f"{self.source} carries no config that this toolbox wrote: {place} {fault}; name the "
            "config as the model and this file as its checkpoint"
        )


def _stored(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {
            str(key): _registered_name(value) if key == "type" else _stored(value)
            for key, value in node.items()
            if key not in (*_LEFT_OUT, "_scope_")
        }
    if isinstance(node, list | tuple):
        return [_stored(value) for value in node]
    if isinstance(node, str):
        return _bare(node)
    if node is None or isinstance(node, bool | int | float):
        return node
    return node.item() if getattr(node, "size", None) == 1 else str(node)


def _registered_name(component: Any) -> str:
    """The name of a config's ``type``, a name or a class; one that is not registered as it is."""
    MODELS.import_from_location()
    if isinstance(component, str):
        return component.removeprefix(f"{SCOPE}.")
    names = [name for name, known in MODELS.module_dict.items() if known is component]
    return names[0] if names else str(component)


def _bare(text: str) -> str:
    """The last part of a path or address; a text without separators as it is."""
    return re.split(r"[/\\]", text)[-1]


def _built(config: Mapping[str, Any], source: str) -> nn.Module:
    try:
        return MODELS.build(dict(config))
    except CheckpointError:
        raise
    except Exception as error:  # whatever a constructor makes of a stranger's values
        words = str(error).strip().splitlines()
        raise CheckpointError(
            f"{source}: its config builds no model: {words[0] if words else type(error).__name__}"
        ) from error


@contextmanager
def _bounded(tensors: int, source: str) -> Iterator[None]:
    """Stop this thread's building of modules when they are far more than the tensors they need."""
    most, owner = 8 * tensors + _SPARE_PARTS, threading.get_ident()
    parts = 0

    def count(*_: Any) -> None:
        nonlocal parts
        if threading.get_ident() != owner:
            return
        parts += 1
        if parts > most:
            raise CheckpointError(
                f"{source}: its config describes far more layers than the {tensors} tensors of "
                "the file"
            )

    handles = [
        register(count)
        for register in (
            hooks.register_module_module_registration_hook,
            hooks.register_module_parameter_registration_hook,
            hooks.register_module_buffer_registration_hook,
        )
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
