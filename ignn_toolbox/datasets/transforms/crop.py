"""Crops that keep LR and HR aligned."""

from typing import Any

import numpy as np

from ...registry import TRANSFORMS
from .generator import generator


@TRANSFORMS.register_module()
class PairedRandomCrop:
    """Cuts a random square out of the LR image and what belongs to it out of the HR image.

    Args:
        lq_size: Side of the LR crop in pixels; the HR crop's is ``scale`` times that.
        extend: Mirror images that are too small at their bottom and right. The mirrored pair is a
            pair still: MATLAB's bicubic sees pictures mirrored at their borders.
        candidates: Squares to draw, of which the one with most structure (the largest mean step
            from pixel to pixel of its LR crop) is taken: there is little to learn from skies.

    Raises:
        ValueError: A number is not positive; when called, the LR image is smaller than ``lq_size``
            and not to be extended.
    """

    def __init__(self, lq_size: int, extend: bool = False, candidates: int = 1) -> None:
        if lq_size < 1:
            raise ValueError(f"lq_size must be positive, got {lq_size}")
        if candidates < 1:
            raise ValueError(f"candidates must be positive, got {candidates}")
        self.lq_size = lq_size
        self.extend = extend
        self.candidates = candidates

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        size, scale = self.lq_size, results["scale"]
        if self.extend:
            results["lq"] = _extended(results["lq"], size)
            results["gt"] = _extended(results["gt"], size * scale)
        height, width = results["lq"].shape[:2]
        if min(height, width) < size:
            raise ValueError(
                f"the LR image of {results['gt_path']} is {width}x{height}, smaller than the "
                f"crop of {size}x{size}; use a smaller lq_size or extend=True, or leave it out"
            )
        rng = generator(results, self)
        places = [
            (int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1)))
            for _ in range(self.candidates)
        ]
        if self.candidates > 1:
            lq = results["lq"]
            places.sort(key=lambda place: _structure(_square(lq, place[0], place[1], size)))
        top, left = places[-1]
        results["lq"] = _square(results["lq"], top, left, size)
        top, left, size = top * scale, left * scale, size * scale
        results["gt"] = _square(results["gt"], top, left, size)
        return results

    def __repr__(self) -> str:
        return (
            f"PairedRandomCrop(lq_size={self.lq_size}, extend={self.extend}, "
            f"candidates={self.candidates})"
        )


@TRANSFORMS.register_module()
class ModCrop:
    """Cuts the LR image to a multiple of ``divisor`` at its bottom and right, the HR image along.

    Args:
        divisor: What the sides of the LR image are to be multiples of.

    Raises:
        ValueError: When called, the LR image is smaller than ``divisor``.
    """

    def __init__(self, divisor: int) -> None:
        if divisor < 1:
            raise ValueError(f"divisor must be positive, got {divisor}")
        self.divisor = divisor

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        if min(results["lq"].shape[:2]) < self.divisor:
            height, width = results["lq"].shape[:2]
            raise ValueError(
                f"the LR image of {results['gt_path']} is {width}x{height}, smaller than "
                f"divisor={self.divisor}"
            )
        results["lq"] = modcrop(results["lq"], self.divisor)
        results["gt"] = modcrop(results["gt"], self.divisor * results["scale"])
        return results

    def __repr__(self) -> str:
        return f"ModCrop(divisor={self.divisor})"


def modcrop(image: np.ndarray, divisor: int) -> np.ndarray:
    """Cut an image (H, W, ...) to multiples of ``divisor`` at its bottom and right; a view."""
    height, width = image.shape[:2]
    return image[: height - height % divisor, : width - width % divisor]


def _square(image: np.ndarray, top: int, left: int, size: int) -> np.ndarray:
    return image[top : top + size, left : left + size]


def _structure(image: np.ndarray) -> float:
    values = image.astype(np.int16)
    return float(sum(np.abs(np.diff(values, axis=axis)).mean() for axis in (0, 1)))


def _extended(image: np.ndarray, size: int) -> np.ndarray:
    height, width = image.shape[:2]
    if height >= size and width >= size:
        return image
    missing = ((0, max(0, size - height)), (0, max(0, size - width)), (0, 0))
    return np.pad(image, missing, mode="symmetric")
