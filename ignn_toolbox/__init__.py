"""ignn_toolbox: image super-resolution with internal priors (IGNN, its ablations and rivals)."""

from .version import __version__

__all__ = ["__version__"]
