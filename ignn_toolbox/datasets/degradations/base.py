"""What all degradations have in common: their call, and where their randomness comes from."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np


class Degradation(ABC):
    """Makes a worse picture of a picture.

    Attributes:
        scale: How many times smaller the result is.
        makes_float: Whether the result is float in [0, 1], give or take, in place of uint8.
    """

    scale: int = 1
    makes_float: bool = False

    @abstractmethod
    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Degrade one picture.

        Args:
            image: ``(H, W, C)``, C = 1 or 3; not changed in place.
            rng: Where all randomness comes from.

        Returns:
            ``(H / scale, W / scale, C)``.
        """

    def entropy(self) -> tuple[int, ...]:
        """Return what the seed of a picture's randomness has beside the picture's name."""
        return ()

    def generator_of(self, name: str) -> np.random.Generator:
        """Return the randomness of a test picture: of its name alone, whatever came before.

        Args:
            name: The file's stem.
        """
        seed = np.random.SeedSequence([*self.entropy(), zlib.crc32(name.encode())])
        return np.random.Generator(np.random.PCG64(seed))

    def settings(self) -> dict[str, Any]:
        """Return type and arguments in plain values: what decides how a picture is degraded."""
        return {"type": type(self).__name__, **vars(self)}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({arguments})"


def bounds(value: float | Sequence[float], name: str, lowest: float, highest: float) -> list[Any]:
    """Return the two ends of a number or range ``[from, to]`` within limits.

    Raises:
        ValueError: A number lies outside, or a range is none.
    """
    ends = list(value) if isinstance(value, Sequence) else [value, value]
    if len(ends) != 2 or not all(lowest <= end <= highest for end in ends) or ends[0] > ends[1]:
        raise ValueError(
            f"{name} must be a number in [{lowest:g}, {highest:g}], or two of them, from and to; "
            f"got {value!r}"
        )
    return ends
