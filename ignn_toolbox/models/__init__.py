"""Networks and what they are made of; importing this registers all of them."""

from .aggregators import Aggregator, GraphAgg, NonLocal, SameScaleKNN
from .backbones import EDSR, RCAN, Backbone, Bicubic, GraphAggStar
from .embedders import CNNEmbedder, EDSREmbedder, FrozenEmbedder, RGBEmbedder, VGGEmbedder
from .losses import CharbonnierLoss, FrequencyLoss, L1Loss, LossSum, MSELoss
from .preprocessor import ImagePreprocessor
from .reach import Reach
from .restorers import OfficialChop, Restorer, SelfEnsemble
from .spec import Given, NetworkSpec, Outputs
from .steps import Attention, Network

__all__ = [
    "EDSR",
    "RCAN",
    "Aggregator",
    "Attention",
    "Backbone",
    "Bicubic",
    "CNNEmbedder",
    "CharbonnierLoss",
    "EDSREmbedder",
    "FrequencyLoss",
    "FrozenEmbedder",
    "Given",
    "GraphAgg",
    "GraphAggStar",
    "ImagePreprocessor",
    "L1Loss",
    "LossSum",
    "MSELoss",
    "Network",
    "NetworkSpec",
    "NonLocal",
    "OfficialChop",
    "Outputs",
    "RGBEmbedder",
    "Reach",
    "Restorer",
    "SameScaleKNN",
    "SelfEnsemble",
    "VGGEmbedder",
]
