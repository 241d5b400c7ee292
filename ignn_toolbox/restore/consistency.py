"""Back-projection: the result, reduced by the bicubic, is the input again."""

import torch
from torch import Tensor

from ..ops import imresize
from .independent import Deviation, deviation

_ROUNDS = 20


def consistent(sr: Tensor, lq: Tensor) -> tuple[Tensor, Deviation, Deviation]:
    """Add to a result what its reduction lacks of the input, again and again.

    Irani and Peleg, "Improving resolution by image registration", 1991. The reduction is MATLAB's
    bicubic with antialiasing, so this is meant for inputs that were reduced like that.

    Args:
        sr: ``(1, C, H', W')``, at least as large as ``lq`` on both sides.
        lq: ``(1, C, H, W)`` in [0, 1].

    Returns:
        The result in [0, 1], and how far reductions are from the input, before and after.
    """
    size, large = ((int(x.shape[-2]), int(x.shape[-1])) for x in (lq, sr))
    sr = sr.clamp(0, 1)
    before = deviation(imresize(sr, size=size), lq)
    for _ in range(_ROUNDS):
        lacking = lq - imresize(sr, size=size)
        sr = (sr + imresize(lacking, size=large)).clamp(0, 1)
    return sr, before, deviation(imresize(sr, size=size), lq)


def wrapped(lq: Tensor, around: int) -> Tensor:
    """A seamless texture ``(1, C, H, W)`` with what lies beyond each side: the opposite one."""
    down, across = (torch.arange(-around, n + around) % n for n in lq.shape[-2:])
    return lq[..., down[:, None], across]
