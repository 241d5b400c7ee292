"""Networks and what they are made of; importing this registers all of them."""

from .aggregators import Aggregated, Aggregator, GraphAgg, NonLocal, SameScaleKNN
from .backbones import EDSR, RCAN, Backbone, Bicubic, GraphAggStar
from .embedders import CNNEmbedder, EDSREmbedder, FrozenEmbedder, RGBEmbedder, VGGEmbedder
from .losses import CharbonnierLoss, L1Loss, MSELoss
from .preprocessor import ImagePreprocessor
from .restorers import OfficialChop, Restorer, SelfEnsemble

__all__ = [
    "EDSR",
    "RCAN",
    "Aggregated",
    "Aggregator",
    "Backbone",
    "Bicubic",
    "CNNEmbedder",
    "CharbonnierLoss",
    "EDSREmbedder",
    "FrozenEmbedder",
    "GraphAgg",
    "GraphAggStar",
    "ImagePreprocessor",
    "L1Loss",
    "MSELoss",
    "NonLocal",
    "OfficialChop",
    "RGBEmbedder",
    "Restorer",
    "SameScaleKNN",
    "SelfEnsemble",
    "VGGEmbedder",
]
