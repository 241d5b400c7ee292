"""Steps from a pair of decoded images to what the model takes."""

from .crop import ModCrop, PairedRandomCrop, modcrop
from .pack import PackInputs
from .random_augment import RandomChannelShuffle, RandomFlip, RandomRot90

__all__ = [
    "ModCrop",
    "PackInputs",
    "PairedRandomCrop",
    "RandomChannelShuffle",
    "RandomFlip",
    "RandomRot90",
    "modcrop",
]
