"""Networks and what they are made of; importing this registers all of them."""

from .aggregators.base import Aggregator
from .aggregators.cross_scale import CrossScaleAttention, InScaleAttention
from .aggregators.graph_agg import GraphAgg
from .aggregators.non_local import NonLocal
from .aggregators.pyramid import PyramidAttention
from .aggregators.same_scale_knn import SameScaleKNN
from .backbones.base import Backbone
from .backbones.bicubic import Bicubic
from .backbones.csnln import CSNLN
from .backbones.edsr import EDSR
from .backbones.graph_agg_star import GraphAggStar
from .backbones.panet import PANet
from .backbones.rcan import RCAN
from .embedders.edsr import EDSREmbedder
from .embedders.embedders import CNNEmbedder, RGBEmbedder
from .embedders.frozen import FrozenEmbedder
from .embedders.vgg import VGGEmbedder
from .foreign import Foreign
from .losses.frequency_loss import FrequencyLoss
from .losses.loss_sum import LossSum
from .losses.pixel_losses import CharbonnierLoss, L1Loss, MSELoss
from .preprocessor import ImagePreprocessor
from .reach import Reach
from .restorers import OfficialChop, Restorer, SelfEnsemble
from .spec import Given, NetworkSpec, Outputs
from .steps import Attention, Network

__all__ = [
    "CSNLN",
    "EDSR",
    "RCAN",
    "Aggregator",
    "Attention",
    "Backbone",
    "Bicubic",
    "CNNEmbedder",
    "CharbonnierLoss",
    "CrossScaleAttention",
    "EDSREmbedder",
    "FrequencyLoss",
    "Foreign",
    "FrozenEmbedder",
    "Given",
    "GraphAgg",
    "GraphAggStar",
    "ImagePreprocessor",
    "InScaleAttention",
    "L1Loss",
    "LossSum",
    "MSELoss",
    "Network",
    "NetworkSpec",
    "NonLocal",
    "OfficialChop",
    "Outputs",
    "PANet",
    "PyramidAttention",
    "RGBEmbedder",
    "Reach",
    "Restorer",
    "SameScaleKNN",
    "SelfEnsemble",
    "VGGEmbedder",
]
