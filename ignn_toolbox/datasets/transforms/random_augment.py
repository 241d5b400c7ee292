"""Random augmentation that treats the LR and the HR image alike.

Every draw comes from the sample's own generator, so the same (seed, draw) gives the same sample.
"""

from typing import Any

import numpy as np

from ...registry import TRANSFORMS
from .generator import generator

AXES = {"horizontal": 1, "vertical": 0}


class _RandomTransform:
    """Applies `change` to both images with probability ``prob``."""

    def __init__(self, prob: float) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f"prob must lie in [0, 1], got {prob}")
        self.prob = prob

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        rng = generator(results, self)
        if rng.random() < self.prob:
            self.change(results, rng)
        return results

    def change(self, results: dict[str, Any], rng: np.random.Generator) -> None:
        raise NotImplementedError

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({arguments})"


@TRANSFORMS.register_module()
class RandomFlip(_RandomTransform):
    """Flips both images.

    Args:
        prob: Probability of the flip.
        direction: ``'horizontal'`` (left and right change places) or ``'vertical'``.
    """

    def __init__(self, prob: float = 0.5, direction: str = "horizontal") -> None:
        super().__init__(prob)
        if direction not in AXES:
            raise ValueError(f"direction must be one of {', '.join(AXES)}, got {direction!r}")
        self.direction = direction

    def change(self, results: dict[str, Any], rng: np.random.Generator) -> None:
        for key in ("lq", "gt"):
            results[key] = np.flip(results[key], AXES[self.direction])


@TRANSFORMS.register_module()
class RandomRot90(_RandomTransform):
    """Turns both images by 90 degrees.

    With both flips it reaches all eight orientations, each with the same probability.

    Args:
        prob: Probability of the turn.
    """

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__(prob)

    def change(self, results: dict[str, Any], rng: np.random.Generator) -> None:
        for key in ("lq", "gt"):
            results[key] = np.rot90(results[key])


@TRANSFORMS.register_module()
class RandomChannelShuffle(_RandomTransform):
    """Permutes the colour channels of both images.

    The authors' code does so with probability 0.8; the identity is one of the permutations.

    Args:
        prob: Probability of drawing a permutation.
    """

    def __init__(self, prob: float = 0.8) -> None:
        super().__init__(prob)

    def change(self, results: dict[str, Any], rng: np.random.Generator) -> None:
        order = rng.permutation(3)
        for key in ("lq", "gt"):
            results[key] = results[key][..., order]
