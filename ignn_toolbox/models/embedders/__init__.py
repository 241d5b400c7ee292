from .edsr import EDSREmbedder
from .embedders import CNNEmbedder, RGBEmbedder
from .frozen import FrozenEmbedder
from .vgg import VGGEmbedder

__all__ = ["CNNEmbedder", "EDSREmbedder", "FrozenEmbedder", "RGBEmbedder", "VGGEmbedder"]
