"""What an exported file says of its model, and weights as safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from ..checkpoint import save_checkpoint
from ..version import __version__
from ..zoo.index import zoo_models
from ..zoo.loading import load_model
from .errors import ExportError


def export_safetensors(model: str | Path, checkpoint: str | Path | None, path: str | Path) -> None:
    """Write a model's weights, its config beside them, as a safetensors file.

    The file is a checkpoint of this toolbox: `init_model` and ``--checkpoint`` take it.

    Args:
        model: As for `init_model`.
        checkpoint: As for `init_model`.
        path: The file; written under a temporary name, then renamed.

    Raises:
        ExportError: safetensors is not installed.
        FileNotFoundError: As `init_model`.
        ValueError: As `init_model`.
    """
    loaded = load_model(model, checkpoint)
    meta = {
        "config": loaded.config,
        "scale": loaded.restorer.scale,
        "toolbox_version": __version__,
        "metrics": loaded.metrics,
    }
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    try:
        save_checkpoint({"meta": meta, "state_dict": loaded.restorer.state_dict()}, path)
    except ImportError as error:
        raise ExportError("safetensors is not installed: pip install safetensors") from error


def file_metadata(model: str | Path, network: nn.Module, licence: str | None) -> dict[str, str]:
    """What an ONNX file says of itself.

    Args:
        model: As named by the user; the terms of a zoo model's training data are known.
        network: The network.
        licence: Terms that the user gives.
    """
    spec: Any = network.spec
    metadata = {
        "model": Path(model).stem,
        "network": type(network).__name__,
        "scale": str(spec.scale),
        "min_size": str(spec.min_size),
        "range": "RGB in [0, 1]; the output is to be clamped",
        "toolbox": f"ignn_toolbox {__version__}",
    }
    published = zoo_models().get(str(model))
    if licence is None and published is not None:
        terms = published.training.get("Terms")
        licence = "Apache-2.0" + (f"; training data: {terms}" if terms else "")
    return metadata | ({} if licence is None else {"licence": licence})
