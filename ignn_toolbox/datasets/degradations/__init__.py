"""What makes the input of a network of a picture, by name; importing this registers all of them."""

from .base import Degradation
from .bicubic import BicubicDown, bicubic_lr
from .jpeg import JPEGCompression
from .mosaic import BayerMosaic
from .noise import GaussianNoise

__all__ = [
    "BayerMosaic",
    "BicubicDown",
    "Degradation",
    "GaussianNoise",
    "JPEGCompression",
    "bicubic_lr",
]
