"""From a name, a config or a checkpoint to a restorer that is ready to run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from ..checkpoint import CheckpointError, load_checkpoint
from ..devices import find_device
from ..engine.config import check_config, load_config, named_places
from ..models.restorers import Restorer
from ..registry import MODELS
from ..stored_model import build_stored, config_to_store, stored_config, stored_metrics
from ..weights import load_weights
from .index import resolve
from .paths import configs_dir
from .spandrel_file import spandrel_config, spandrel_file
from .whose import anothers

CHECKPOINT_SUFFIXES = (".pth", ".pt", ".safetensors")


def init_model(
    config_or_name: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device = "cpu",
) -> Restorer:
    """Build a restorer in eval mode and load its weights.

    Args:
        config_or_name: A zoo name (its shipped weights are loaded unless ``checkpoint`` names
            others), a config file, the name of a bundled config, a loaded config, a checkpoint
            of this toolbox, which carries its model's config itself, or ``spandrel:FILE`` for what
            spandrel makes of a file.
        checkpoint: Weights to load. A config without a checkpoint is freshly initialised.
        device: Where the restorer is put.

    Returns:
        The restorer; ``restorer.network(lq)`` maps RGB ``(N, 3, H, W)`` in [0, 1] to ``scale``
        times the size.

    Raises:
        FileNotFoundError: No such model, config or checkpoint; nearest names are given.
        ValueError: The config is faulty, the checkpoint is damaged or does not fit the model, or
            there is no such device here.

    Examples:
        >>> import torch
        >>> network = init_model("edsr_tiny_x2").network
        >>> network(torch.rand(1, 3, 20, 30)).shape
        torch.Size([1, 3, 40, 60])
    """
    return load_model(config_or_name, checkpoint).restorer.to(find_device(device)).eval()


@dataclass(frozen=True)
class Loaded:
    """A restorer and where it comes from.

    Attributes:
        restorer: With its weights, if there are any.
        config: The model's config, in registered names and plain values.
        metrics: What the checkpoint says that it scores.
    """

    restorer: Restorer
    config: dict[str, Any]
    metrics: dict[str, float]


def load_model(config_or_name: str | Path | Config, checkpoint: str | Path | None = None) -> Loaded:
    """Build a restorer, load its weights, and tell what it was built from.

    A config that is named is the user's, and may import what it likes. One out of a checkpoint is
    data: see `stored_model`. Arguments and errors are those of `init_model`.
    """
    if (file := spandrel_file(config_or_name)) is not None:
        if checkpoint is not None:
            raise ValueError(f"{config_or_name} brings its weights; name no others ({checkpoint})")
        config = spandrel_config(file)
        return Loaded(MODELS.build(config), config, {})
    if isinstance(config_or_name, str | Path) and is_checkpoint(config_or_name):
        own = load_checkpoint(config_or_name)
        config = stored_config(own, str(config_or_name))
        try:
            check_config({"model": config})
        except ValueError as error:
            raise CheckpointError(f"{config_or_name}: {error}") from error
        source = config_or_name if checkpoint is None else checkpoint
        content = own if checkpoint is None else load_checkpoint(checkpoint)
        restorer: Any = build_stored(config, content, str(source))
        _check_restorer(restorer, str(config_or_name))
        return Loaded(restorer, config, stored_metrics(content))
    if isinstance(config_or_name, Config):
        named = config_or_name
    else:
        named = load_config(config_or_name)
        checkpoint = checkpoint or resolve(config_or_name)[1]
    name = named.filename or "the config"
    if not isinstance(named.get("model"), dict):
        raise ValueError(f"{name} describes no model")
    with named_places(named):
        restorer = MODELS.build(named.model)
    _check_restorer(restorer, name)
    metrics = {}
    if checkpoint is not None:
        content = load_checkpoint(checkpoint)
        try:
            load_weights(restorer, content, str(checkpoint))
        except CheckpointError as error:
            raise anothers(restorer, content, checkpoint) or error from error
        metrics = stored_metrics(content)
    return Loaded(restorer, config_to_store(named.model), metrics)


def config_to_test(
    checkpoint: str | Path,
    options: Mapping[str, Any] | None = None,
    *,
    data_root: str | Path | None = None,
) -> Config:
    """Return the config of a test of a checkpoint that carries its model's config.

    Args:
        checkpoint: The file; its weights must be those of its model.
        options: As for `load_config`.
        data_root: As for `load_config`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, does not say what its model is, or does not fit it; or an
            option means nothing.
    """
    model = load_model(checkpoint).config
    return load_config(
        configs_dir() / "_base_" / "test.py",
        {"model": model, **(options or {})},
        data_root=data_root,
    )


def is_checkpoint(name: str | Path) -> bool:
    """Tell whether a model is named by a file of weights, or as ``spandrel:FILE``."""
    return spandrel_file(name) is not None or Path(name).suffix in CHECKPOINT_SUFFIXES


def _check_restorer(model: Any, source: str) -> None:
    if not isinstance(getattr(model, "network", None), torch.nn.Module):
        raise ValueError(
            f"{source} describes a {type(model).__name__}, which is no restorer; a model is "
            "dict(type='Restorer', network=dict(...))"
        )
