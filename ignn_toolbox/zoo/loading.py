"""From a name, a config or a checkpoint to a restorer that is ready to run."""

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from ..engine.checkpoint import CheckpointError, load_checkpoint, load_weights
from ..engine.config import load_config
from ..models.restorers import Restorer
from ..registry import MODELS
from .index import resolve

CHECKPOINT_SUFFIXES = (".pth", ".pt", ".safetensors")


def init_model(
    config_or_name: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device = "cpu",
) -> Restorer:
    """Builds a restorer in eval mode and loads its weights.

    Args:
        config_or_name: A zoo name (its shipped weights are loaded unless ``checkpoint`` names
            others), a config file, the name of a bundled config, a loaded config, or a checkpoint
            of this toolbox, which carries its model's config itself.
        checkpoint: Weights to load. A config without a checkpoint is freshly initialised.
        device: Where the restorer is put.

    Returns:
        The restorer; ``restorer.network(lq)`` maps RGB ``(N, 3, H, W)`` in [0, 1] to ``scale``
        times the size.

    Raises:
        FileNotFoundError: No such model, config or checkpoint; nearest names are given.
        ValueError: The config is faulty, or the checkpoint is damaged or does not fit the model.
    """
    model_config, content, source = find_model(config_or_name, checkpoint)
    restorer = MODELS.build(model_config)
    if content is not None:
        load_weights(restorer, content, source)
    return restorer.to(device).eval()


def find_model(
    config_or_name: str | Path | Config, checkpoint: str | Path | None = None
) -> tuple[dict[str, Any], dict[str, Any] | None, str]:
    """The model's config, the checkpoint's content or None, and the checkpoint's name.

    Arguments and errors are those of :func:`init_model`.
    """
    content: dict[str, Any] | None = None
    source: str | Path = ""
    if isinstance(config_or_name, Config):
        model_config = config_or_name.model
    elif Path(config_or_name).suffix in CHECKPOINT_SUFFIXES:
        source = config_or_name
        content = load_checkpoint(source)
        model_config = _own_config(content, Path(source))
    else:
        path, shipped = resolve(config_or_name)
        model_config = load_config(path).model
        checkpoint = checkpoint or shipped
    if checkpoint is not None:
        source = checkpoint
        content = load_checkpoint(source)
    return model_config, content, str(source)


def _own_config(content: dict[str, Any], source: Path) -> dict[str, Any]:
    config = content.get("meta", {}).get("config")
    if not isinstance(config, dict):
        raise CheckpointError(
            f"{source} does not say which model it belongs to; name the config and pass the file "
            "as the checkpoint, or convert a foreign file with `ignn import`"
        )
    return Config({"model": config}).model
