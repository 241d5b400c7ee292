"""A page in the browser on which pictures can be tried (`ignn serve`)."""

from .studio import Enlarged, Limits, Neighbours, Studio

__all__ = ["Enlarged", "Limits", "Neighbours", "Studio"]
