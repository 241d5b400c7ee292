"""Steps from a pair of decoded images to what the model takes."""

from .crop import ModCrop, PairedRandomCrop, modcrop
from .degrade import Degrade, RandomGrey
from .pack import PackInputs
from .random_augment import RandomChannelShuffle, RandomFlip, RandomRot90

__all__ = [
    "Degrade",
    "ModCrop",
    "PackInputs",
    "PairedRandomCrop",
    "RandomChannelShuffle",
    "RandomFlip",
    "RandomGrey",
    "RandomRot90",
    "modcrop",
]
