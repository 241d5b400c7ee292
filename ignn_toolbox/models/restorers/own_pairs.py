"""Pairs made of a picture alone, and of the pictures that are rehearsed beside it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...images import read_image
from ..colour import to_luma
from .reduction import Reduction

_CROPS = Path(__file__).parent / "rehearsal" / "crops.webp"
_WINDOW = 512  # pixels of the picture a side; of larger ones a few windows are taken
_WINDOWS = 6


class Pair(NamedTuple):
    """A picture, or a part of it, and what it becomes reduced by s.

    Attributes:
        hr: ``(1, C, s * h, s * w)`` in [0, 1].
        lr: ``(1, C, h, w)``.
    """

    hr: Tensor
    lr: Tensor


def picture_pairs(
    lq: Tensor, scale: int, reduction: Reduction, rng: np.random.Generator
) -> list[Pair]:
    """Return the pairs of a picture ``(1, C, H, W)``: one, or of a large picture a few windows."""
    return [Pair(hr, reduction(hr, scale)) for hr in _windows(lq, scale, rng)]


def reduced_pair(pair: Pair, scale: int, reduction: Reduction) -> Pair:
    """Return the pair that a pair's reduced picture makes when it is reduced once more."""
    hr = _divisible(pair.lr, scale)
    return Pair(hr, reduction(hr, scale))


def rehearsal_pairs(
    channels: int, scale: int, reduction: Reduction, device: torch.device
) -> list[Pair]:
    """Return the pairs of the twelve crops of photographs that ship with the package."""
    crops = torch.from_numpy(_stored_crops()).permute(0, 3, 1, 2).float() / 255
    crops = _divisible(crops if channels == 3 else to_luma(crops), scale).to(device)
    return [Pair(hr, reduction(hr, scale)) for hr in crops.split(1)]


def random_crop(pairs: Sequence[Pair], side: int, scale: int, rng: np.random.Generator) -> Pair:
    """Return a crop of ``side`` pixels of a reduced picture, flipped and turned at random."""
    hr, lr = pairs[int(rng.integers(len(pairs)))]
    rows, cols = (min(side, length) for length in lr.shape[-2:])
    top = int(rng.integers(lr.shape[-2] - rows + 1))
    left = int(rng.integers(lr.shape[-1] - cols + 1))
    lr = lr[..., top : top + rows, left : left + cols]
    hr = hr[..., scale * top : scale * (top + rows), scale * left : scale * (left + cols)]
    flips = [dim for dim in (-1, -2) if rng.random() < 0.5]
    hr, lr = hr.flip(flips), lr.flip(flips)
    return Pair(hr.mT, lr.mT) if rng.random() < 0.5 else Pair(hr, lr)


def stacked(crops: Sequence[Pair]) -> list[Pair]:
    """Return batches of the crops of one size each."""
    sizes: dict[tuple[int, ...], list[Pair]] = {}
    for crop in crops:
        sizes.setdefault(tuple(crop.lr.shape), []).append(crop)
    return [Pair(*map(torch.cat, zip(*same, strict=True))) for same in sizes.values()]


def _divisible(image: Tensor, scale: int) -> Tensor:
    """The picture cut at the bottom and the right to multiples of the scale."""
    height, width = (n - n % scale for n in image.shape[-2:])
    return image[..., :height, :width]


def _windows(lq: Tensor, scale: int, rng: np.random.Generator) -> list[Tensor]:
    """The picture cut to multiples of the scale; of a large one a few windows."""
    lq = _divisible(lq, scale)
    height, width = lq.shape[-2:]
    side = _WINDOW - _WINDOW % scale
    if height * width <= _WINDOWS * side * side:
        return [lq]
    rows, cols = min(height, side), min(width, side)
    tops = rng.integers(0, height - rows + 1, _WINDOWS)
    lefts = rng.integers(0, width - cols + 1, _WINDOWS)
    return [
        lq[..., top : top + rows, left : left + cols]
        for top, left in zip(tops.tolist(), lefts.tolist(), strict=True)
    ]


@functools.cache
def _stored_crops() -> np.ndarray:
    strip = read_image(_CROPS)
    return strip.reshape(strip.shape[0], -1, strip.shape[0], 3).transpose(1, 0, 2, 3)
