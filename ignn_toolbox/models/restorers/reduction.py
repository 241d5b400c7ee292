"""How a picture is supposed to have become small: the pairs of internal learning are made so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...ops import imresize

_LARGEST = 99  # pixels a side of a kernel
_LARGEST_FILE = 2**20  # bytes
_WIDEST = 10.0  # standard deviation of a Gaussian


@dataclass(frozen=True)
class Reduction:
    """Reduces pictures with one kernel.

    The middle of a kernel lies over the middle of the pixel that it makes, or half a pixel up
    and left of it where the kernel's and the scale's parity differ.

    Attributes:
        text: What was asked for, see `parse`.
        sigma: Standard deviation of a Gaussian in pixels of the larger picture, or ``None``.
        weights: Rows of a kernel file, or ``None``; with neither it is the exact bicubic.
    """

    text: str = "bicubic"
    sigma: float | None = None
    weights: tuple[tuple[float, ...], ...] | None = None

    @classmethod
    def parse(cls, text: str) -> Reduction:
        """Read ``'bicubic'``, ``'gaussian:SIGMA'``, or the name of a text file of a kernel.

        A file holds a row of the kernel a line, numbers between spaces or commas; their sum becomes
        1.

        Raises:
            FileNotFoundError: It is neither of the first, and there is no such file.
            ValueError: The width or the file's numbers are no kernel.
        """
        if text == "bicubic":
            return cls()
        if text.startswith("gaussian:"):
            return cls(text, sigma=_width(text))
        return cls(text, weights=_read_kernel(Path(text)))

    def __call__(self, image: Tensor, scale: int) -> Tensor:
        """Reduce ``(N, C, s * H, s * W)`` in [0, 1] to ``(N, C, H, W)``, rounded to 8 bits."""
        if self.sigma is None and self.weights is None:
            small = imresize(image, 1 / scale)
        else:
            small = _convolved(image, self._kernel(scale).to(image), scale)
        return (small.clamp(0, 1) * 255).round() / 255

    def _kernel(self, scale: int) -> Tensor:
        if self.weights is not None:
            return torch.tensor(self.weights, dtype=torch.float64)
        assert self.sigma is not None
        radius = math.ceil(3 * self.sigma)
        places = torch.arange(2 * radius + 1 + (scale + 1) % 2, dtype=torch.float64)
        line = torch.exp(-(places - places.mean()).square() / (2 * self.sigma**2))
        kernel = line[:, None] * line
        return kernel / kernel.sum()


def _convolved(image: Tensor, kernel: Tensor, scale: int) -> Tensor:
    pads = []
    for side in reversed(kernel.shape):
        first = math.floor((scale - side) / 2)  # of the picture's pixels under the first result
        pads += [-first, first + side - scale]
    channels = image.shape[1]
    padded = F.pad(image, pads, mode="replicate")
    return F.conv2d(padded, kernel.expand(channels, 1, -1, -1), stride=scale, groups=channels)


def _width(text: str) -> float:
    try:
        sigma = float(text.removeprefix("gaussian:"))
    except ValueError:
        sigma = math.nan
    if not 0 < sigma <= _WIDEST:
        raise ValueError(
            f"{text!r} is no kernel: say gaussian:SIGMA with a width above 0 and up to "
            f"{_WIDEST:g} pixels of the picture, such as gaussian:1.6"
        )
    return sigma


def _read_kernel(path: Path) -> tuple[tuple[float, ...], ...]:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is no kernel: say bicubic, gaussian:SIGMA, or the name of a text file"
        )
    if path.stat().st_size > _LARGEST_FILE:
        raise ValueError(f"{path} is no kernel: it has more than {_LARGEST_FILE:,} bytes")
    try:
        lines = path.read_text(encoding="utf-8").replace(",", " ").splitlines()
        rows = [[float(word) for word in line.split()] for line in lines if line.strip()]
    except ValueError as error:  # also what is no text
        raise ValueError(
            f"{path} is no kernel: a row of numbers a line is needed, spaces or commas between"
        ) from error
    if not rows or len({len(row) for row in rows}) > 1 or max(len(rows), len(rows[0])) > _LARGEST:
        raise ValueError(
            f"{path} is no kernel: it needs rows of one length, at most {_LARGEST}x{_LARGEST}"
        )
    kernel = np.array(rows)
    if not np.isfinite(kernel).all() or not kernel.sum() > 0:
        raise ValueError(f"{path} is no kernel: its numbers must be finite and their sum positive")
    return tuple(map(tuple, (kernel / kernel.sum()).tolist()))
