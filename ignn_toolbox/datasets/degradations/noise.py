"""Gaussian noise."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ...registry import DEGRADATIONS
from .base import Degradation, bounds


@DEGRADATIONS.register_module()
class GaussianNoise(Degradation):
    """Adds white Gaussian noise, independent in every pixel and channel.

    A test picture's noise is that of ``PCG64(SeedSequence([sigma, crc32(stem)]))``.

    Args:
        sigma: Standard deviation on the scale of 0..255, or a range ``[from, to]`` of which each
            picture gets one, evenly drawn.
        noise_model: ``'uint8'`` rounds and clips, as pictures in files are (RNAN, PANet);
            ``'float'`` does neither (most of the literature on grey pictures). At a deviation of 70
            the two are 1.6 dB apart.

    Raises:
        ValueError: There is no noise, more than 255, or the model is unknown.
    """

    def __init__(
        self,
        sigma: float | Sequence[float],
        noise_model: Literal["uint8", "float"] = "uint8",
    ) -> None:
        self.sigma = bounds(sigma, "sigma", 0, 255)
        if not self.sigma[1] > 0:
            raise ValueError(f"sigma={sigma!r} is no noise; leave the degradation out")
        if noise_model not in ("uint8", "float"):
            raise ValueError(f"noise_model must be 'uint8' or 'float', got {noise_model!r}")
        self.noise_model = noise_model

    @property
    def makes_float(self) -> bool:  # type: ignore[override]
        return self.noise_model == "float"

    def entropy(self) -> tuple[int, ...]:
        """Return sigma, whole as in the literature or in millionths."""
        ends = self.sigma if self.sigma[0] < self.sigma[1] else self.sigma[:1]
        if all(end == int(end) for end in ends):
            return tuple(int(end) for end in ends)
        return tuple(round(end * 1_000_000) for end in ends)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        low, high = self.sigma
        sigma = low if low == high else rng.uniform(low, high)
        values = image.astype(np.float64)
        if image.dtype != np.uint8:  # float already, by a degradation before
            values *= 255
        values += rng.standard_normal(image.shape) * sigma
        if self.noise_model == "float":
            return (values / 255).astype(np.float32)
        return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
