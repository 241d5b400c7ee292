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
    content: dict[str, Any] | None = None
    if isinstance(config_or_name, Config):
        model_config = config_or_name.model
    elif Path(config_or_name).suffix in CHECKPOINT_SUFFIXES:
        source = Path(config_or_name)
        content = load_checkpoint(source)
        model_config = _own_config(content, source)
    else:
        path, shipped = resolve(config_or_name)
        model_config = load_config(path).model
        checkpoint = checkpoint or shipped
    if checkpoint is not None:
        source = Path(checkpoint)
        content = load_checkpoint(source)
    restorer = MODELS.build(model_config)
    if content is not None:
        load_weights(restorer, content, str(source))
    return restorer.to(device).eval()


def _own_config(content: dict[str, Any], source: Path) -> dict[str, Any]:
    config = content.get("meta", {}).get("config")
    if not isinstance(config, dict):
        raise CheckpointError(
            f"{source} does not say which model it belongs to; name the config and pass the file "
            "as the checkpoint, or convert a foreign file with `ignn import`"
        )
    return Config({"model": config}).model
