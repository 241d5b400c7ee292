from .base import Aggregator
from .graph_agg import GraphAgg
from .non_local import NonLocal
from .same_scale_knn import SameScaleKNN

__all__ = ["Aggregator", "GraphAgg", "NonLocal", "SameScaleKNN"]
