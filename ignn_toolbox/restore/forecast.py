"""How long a large picture will take, from how long two crops of it take."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

_SIDES = (64, 128)  # of the crops
_SMALL, _LARGE = (side**2 for side in _SIDES)
_WORTH_ASKING = 2**18  # pixels; the crops take about a tenth of the time of such a picture
_LONG = 10.0  # seconds that are worth saying


class _Growth(NamedTuple):
    """Seconds of the large crop, and the power of the pixels with which they grow."""

    seconds: float
    power: float


class Forecast:
    """Predicts the time of large pictures; asks each network once.

    Convolutions take a time proportional to the pixels, attention over the whole picture one
    proportional to their square; the two crops tell which it is, or what lies between.
    """

    def __init__(self) -> None:
        self._known: dict[int, _Growth | None] = {}

    def __call__(self, key: int, network: Callable[[Tensor], Tensor], lq: Tensor) -> float | None:
        """Return the seconds that a picture will take, or None where they are few or unknown.

        Args:
            key: Of the network.
            network: What restores ``(1, C, H, W)``.
            lq: The picture.
        """
        pixels = lq.shape[-2] * lq.shape[-1]
        if pixels < _WORTH_ASKING or min(lq.shape[-2:]) < _SIDES[1]:
            return None
        if key not in self._known:
            self._known[key] = _growth(network, lq)
        growth = self._known[key]
        if growth is None:
            return None
        seconds = growth.seconds * (pixels / _LARGE) ** growth.power
        return seconds if seconds >= _LONG else None


def _growth(network: Callable[[Tensor], Tensor], lq: Tensor) -> _Growth | None:
    small, large = (lq[..., :side, :side].contiguous() for side in _SIDES)
    try:
        network(small)  # the first call of all makes kernels ready
        first, second = _seconds(network, small), _seconds(network, large)
    except ValueError:  # a network of large pictures only
        return None
    power = math.log(second / first) / math.log(_LARGE / _SMALL)
    return _Growth(second, min(max(power, 1.0), 2.0))


def _seconds(network: Callable[[Tensor], Tensor], lq: Tensor) -> float:
    started = time.perf_counter()
    network(lq)
    if lq.device.type == "cuda":
        torch.cuda.synchronize(lq.device)
    return max(time.perf_counter() - started, 1e-9)
