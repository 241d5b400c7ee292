from .base import Aggregated, Aggregator
from .graph_agg import GraphAgg

__all__ = ["Aggregated", "Aggregator", "GraphAgg"]
