"""Looks at what a module returns where it is called, so that a wrong one is named at once.

Modules come from anybody's project; what they return wrongly would often pass for something else (a
batch taken for a pair) or fail far from them. Nothing is looked at while a graph is compiled.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from .spec import NetworkSpec


def check_attention(module: Any, results: Any, features: Tensor) -> None:
    """Check the results of an `Attention` for the features of a region.

    Raises:
        TypeError: They are not one map for each of its ``scales``.
        ValueError: A map is not ``scale`` times the region's size.
    """
    if torch.compiler.is_compiling():
        return
    scales = module.scales
    batch, _, height, width = features.shape
    wanted = [f"({batch}, C, {scale * height}, {scale * width})" for scale in scales]
    made = [results] if len(scales) == 1 else results
    said = f"a tensor {wanted[0]}" if len(scales) == 1 else f"a tuple of {', '.join(wanted)}"
    where = f"{_name(module)}: attend must return {said}, as scales={tuple(scales)} says"
    if len(scales) > 1 and not (isinstance(results, tuple) and len(results) == len(scales)):
        raise TypeError(f"{where}; got {_kind(results)}{_defined(module)}")
    for scale, image in zip(scales, made, strict=True):
        if not isinstance(image, Tensor):
            raise TypeError(f"{where}; got {_kind(image)}{_defined(module)}")
        size = (batch, scale * height, scale * width)
        if image.ndim != 4 or (len(image), *image.shape[2:]) != size:
            raise ValueError(f"{where}; got {_kind(image)}{_defined(module)}")


def check_channels(module: Any, what: str, x: Any, channels: int) -> None:
    """Check the channels of a map that a module made.

    Raises:
        ValueError: There are others.
    """
    if isinstance(x, Tensor) and x.shape[1] != channels:
        raise ValueError(
            f"{_name(module)}: {what} must have {channels} channels, got {_kind(x)}"
            f"{_defined(module)}"
        )


def check_local(module: Any, x: Any) -> None:
    """Check that a local step made a map.

    Raises:
        TypeError: It is no tensor (N, C, H, W).
    """
    if not torch.compiler.is_compiling() and not (isinstance(x, Tensor) and x.ndim == 4):
        raise TypeError(
            f"{_name(module)} must return a tensor (N, C, H, W), got {_kind(x)}{_defined(module)}"
        )


def check_embedding(module: Any, features: Any, image: Tensor) -> None:
    """Check an embedder's features of an image.

    Raises:
        TypeError: They are no tensor.
        ValueError: They have other channels than the embedder says, or another size.
    """
    if torch.compiler.is_compiling():
        return
    wanted = (len(image), module.channels, *image.shape[2:])
    said = f"{_name(module)} must return features {wanted}, its channels at the image's size"
    if not isinstance(features, Tensor):
        raise TypeError(f"{said}; got {_kind(features)}{_defined(module)}")
    if tuple(features.shape) != wanted:
        raise ValueError(f"{said}; got {_kind(features)}{_defined(module)}")


def check_is_network(module: Any) -> None:
    """Check that a module says what a run must know of a network.

    Raises:
        TypeError: It has no `NetworkSpec`.
    """
    if not isinstance(getattr(module, "spec", None), NetworkSpec):
        raise TypeError(f"{_name(module)} is no network: it has no spec{_defined(module)}")


def check_is_loss(module: Any) -> None:
    """Check that a module can be called with a result and its ground truth.

    Raises:
        TypeError: It takes something else, or is another part of a model.
    """
    part = isinstance(module, BaseDataPreprocessor) or hasattr(module, "spec")
    try:
        inspect.signature(module.forward).bind("result", "ground truth")
    except (AttributeError, TypeError):
        part = True
    if part:
        raise TypeError(
            f"{_name(module)} is no loss, which takes a result and its ground truth"
            f"{_defined(module)}"
        )


def check_loss(module: Any, loss: Any) -> None:
    """Check that a loss is a scalar that gradients come from.

    Raises:
        TypeError: It is no tensor of one number.
    """
    if not torch.compiler.is_compiling() and not (isinstance(loss, Tensor) and loss.ndim == 0):
        raise TypeError(
            f"{_name(module)} must return a scalar tensor, got {_kind(loss)}{_defined(module)}"
        )


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else f"a {type(value).__name__}"


def _name(module: Any) -> str:
    return getattr(module, "__qualname__", type(module).__name__)


def _defined(module: Any) -> str:
    """Where a module's code stands."""
    owner = module if inspect.isroutine(module) else type(module)
    try:
        _, line = inspect.getsourcelines(owner)
        return f"; {inspect.getsourcefile(owner)}, line {line}"
    except (OSError, TypeError):
        return ""
