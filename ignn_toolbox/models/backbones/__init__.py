from .base import Backbone
from .bicubic import Bicubic
from .edsr import EDSR
from .graph_agg_star import GraphAggStar
from .rcan import RCAN

__all__ = ["EDSR", "RCAN", "Backbone", "Bicubic", "GraphAggStar"]
