"""Model index and import of foreign checkpoints."""

from .index import (
    DEFAULT_MODEL,
    ZooModel,
    bundled_configs,
    described_models,
    list_models,
    resolve,
    siblings_of,
    zoo_models,
)
from .paths import checkpoints_dir, configs_dir

__all__ = [
    "DEFAULT_MODEL",
    "ZooModel",
    "bundled_configs",
    "described_models",
    "checkpoints_dir",
    "configs_dir",
    "list_models",
    "resolve",
    "siblings_of",
    "zoo_models",
]
