"""Whose weights a file holds, when they are not the model's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ..checkpoint import CheckpointError
from ..registry import MODELS
from .importers import read_foreign


def anothers(
    model: nn.Module, content: Mapping[str, Any], path: str | Path
) -> CheckpointError | None:
    """Return the error that names the network whose weights a file holds; None if none is known.

    Args:
        model: A restorer whose weights these are not.
        content: Of the file.
        path: The file.
    """
    own = type(getattr(model, "network", model)).__name__
    try:
        stored = content["meta"]["config"]["network"]["type"]
    except (KeyError, TypeError):
        stored = None
    if isinstance(stored, str) and stored in MODELS and stored != own:
        return CheckpointError(
            f"{path} holds weights of {stored}, but this model is {own}; name the file alone, or "
            "the config that it was trained with"
        )
    try:
        theirs = read_foreign(path)
    except (ValueError, OSError):
        return None
    return CheckpointError(
        f"{path} is a checkpoint of {theirs.kind}, with weights of {theirs.network['type']}; "
        "convert it with `ignn import` first"
    )
