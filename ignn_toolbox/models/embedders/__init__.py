from .embedders import CNNEmbedder, RGBEmbedder
from .vgg import VGGEmbedder

__all__ = ["CNNEmbedder", "RGBEmbedder", "VGGEmbedder"]
