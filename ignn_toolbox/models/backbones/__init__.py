from .base import Backbone
from .edsr import EDSR
from .rcan import RCAN

__all__ = ["EDSR", "RCAN", "Backbone"]
