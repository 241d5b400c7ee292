"""ignn_toolbox: image super-resolution with internal priors (IGNN, its ablations and rivals)."""

from .compat import restore_find_loader
from .version import __version__

__all__ = ["__version__"]

restore_find_loader()
