"""Configs: read from files, changed by options, checked, and completed with shared values."""

from .check import check_config
from .load import load_config
from .options import parse_options
from .places import named_places
from .shared import dataloaders, network_scale

__all__ = [
    "check_config",
    "dataloaders",
    "load_config",
    "named_places",
    "network_scale",
    "parse_options",
]
