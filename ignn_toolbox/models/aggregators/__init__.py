from .base import Aggregated, Aggregator
from .graph_agg import GraphAgg
from .non_local import NonLocal
from .same_scale_knn import SameScaleKNN

__all__ = ["Aggregated", "Aggregator", "GraphAgg", "NonLocal", "SameScaleKNN"]
