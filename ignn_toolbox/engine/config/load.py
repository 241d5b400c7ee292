"""Loads a config: finds it by name or path, applies options and shared values, and checks it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...registry import SCOPE
from ...zoo.index import find_config
from .check import check_config
from .modules import import_modules
from .options import apply_options
from .own_images import use_images
from .read import read_config
from .shared import share_values

# Hooks that mmengine's runner adds by itself; None keeps them away, and only them.
_RUNNERS = ("runtime_info", "timer", "sampler_seed", "logger", "param_scheduler", "checkpoint")


def load_config(
    name_or_path: str | Path,
    options: Mapping[str, Any] | None = None,
    *,
    data_root: str | Path | None = None,
    images: Sequence[str | Path] = (),
) -> Config:
    """Read a config, change it as asked and make sure that every key and value means something.

    Args:
        name_or_path: A config file, or the name of a bundled config or zoo model.
        options: Changes by dotted key, such as ``{"train_cfg.max_iters": 200}``.
        data_root: Folder that holds the data sets; replaces the config's own.
        images: Folders of pictures to train on in place of the config's, see `use_images`.

    Raises:
        FileNotFoundError: No such config; the message names the nearest. A folder does not exist.
        ValueError: The file cannot be read, holds an unknown key or type or a value that is none
            for its key, or contradicts itself; there are too few images.
    """
    path = find_config(name_or_path)
    config, source = read_config(path)
    if images:
        use_images(config, images)
    apply_options(config, options or {})
    if data_root is not None:
        config.data_root = str(data_root)
    if config.get("custom_imports") is not None:
        import_modules(config.custom_imports, path, source.place("custom_imports"))
    config.setdefault("default_scope", SCOPE)
    check_config(config)
    hooks = config.get("default_hooks") or {}
    for name in [name for name, hook in hooks.items() if hook is None and name not in _RUNNERS]:
        hooks.pop(name)
    share_values(config)
    return config
