"""Degradations that training draws anew for every crop."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...images.planes import luma_plane
from ...registry import DEGRADATIONS, TRANSFORMS
from ..degradations import Degradation
from .generator import generator


@TRANSFORMS.register_module()
class Degrade:
    """Degrades the input of a pair, with the sample's own randomness.

    Belongs behind the crop and the augmentation, so that the grid of blocks and the phase of a
    mosaic are those of pictures that were neither turned nor shifted.

    Args:
        degradations: Configs of `degradations` that keep the size, applied one after the other.
        prob: Probability of doing so; the input stays as it is else.

    Raises:
        ValueError: A degradation changes the size, or a probability is none.
    """

    def __init__(self, degradations: Sequence[dict | Degradation], prob: float = 1.0) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f"prob must lie in [0, 1], got {prob}")
        self.degradations: list[Degradation] = [
            DEGRADATIONS.build(step) if isinstance(step, Mapping) else step for step in degradations
        ]
        for step in self.degradations:
            if step.scale != 1:
                raise ValueError(
                    f"{step} makes the input smaller; reduce whole pictures, by the data set's "
                    "degradations"
                )
        self.prob = prob

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        rng = generator(results, self)
        if self.prob == 1 or rng.random() < self.prob:
            for step in self.degradations:
                results["lq"] = step(results["lq"], rng)
        return results

    def __repr__(self) -> str:
        return f"Degrade(degradations={self.degradations}, prob={self.prob})"


@TRANSFORMS.register_module()
class RandomGrey:
    """Turns both images grey, three equal planes of their luma.

    Args:
        prob: Probability of doing so.
    """

    def __init__(self, prob: float = 0.1) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f"prob must lie in [0, 1], got {prob}")
        self.prob = prob

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        rng = generator(results, self)
        if rng.random() < self.prob:
            for key in ("lq", "gt"):
                results[key] = np.repeat(luma_plane(results[key]), 3, axis=2)
        return results

    def __repr__(self) -> str:
        return f"RandomGrey(prob={self.prob})"
