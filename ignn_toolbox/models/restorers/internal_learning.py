"""Internal learning: a trained network is tuned on the picture that it is to restore.

The picture and the picture reduced once more are a training pair, and what recurs across scales is
learnt from it (Shocher et al., "Zero-Shot" Super-Resolution using Deep Internal Learning, CVPR
2018; here the network is trained beforehand). Two things differ from the literature: crops of other
pictures are rehearsed in every step, since a reduced picture has other statistics than a picture,
and parts of the pair are held out, on which the tuned network must show a gain of its own.
"""

from __future__ import annotations

import copy
import functools
import math
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...images import read_image
from ...ops import imresize
from ...registry import MODELS
from ..colour import to_luma
from ..steps import Network

PRESETS = {"fast": 40, "best": 200}
_CROPS = Path(__file__).parent / "rehearsal" / "crops.webp"
_LEAST = 16  # pixels of a crop's shorter side
_WINDOW = 512  # pixels of the picture a side; of larger ones a few windows are taken
_WINDOWS = 6
_PERIOD = 60  # pixels of the reduced picture's longer side from one held-out strip to the next
_HELD_OUT = 0.2  # of each period
_FLAT = 1e-4  # variance of a picture that has nothing to learn from


def parse_steps(text: str | int) -> int:
    """A number of steps out of ``'fast'``, ``'best'`` or a number.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(text, str):
        number = PRESETS.get(text, int(text) if text.isdecimal() else 0)
    else:
        number = int(text)
    if number < 1:
        raise ValueError(f"{text!r} steps of tuning: say 'fast', 'best' or a number of 1 or more")
    return number


class Pair(NamedTuple):
    """A picture ``(1, C, s * h, s * w)``, or a part of it, and what it becomes reduced by s.

    Attributes:
        held: Whether strips of it are held out of training.
    """

    hr: Tensor
    lr: Tensor
    held: bool = False


@dataclass(frozen=True)
class Tuning:
    """What became of a picture's tuning.

    Attributes:
        refused: Why the network stays as it was; empty where it was tuned.
        predicted: Predicted gain in dB, corrected; 0 where it was not measured.
        parts: Gains on the two halves of what was held out, uncorrected.
        shift: The gain that tuning on other pictures brings to these parts.
        seconds: Time taken.
    """

    refused: str = ""
    predicted: float = 0.0
    parts: tuple[float, float] = (0.0, 0.0)
    shift: float = 0.0
    seconds: float = 0.0

    def __str__(self) -> str:
        if self.refused:
            return f"not tuned: {self.refused}"
        return f"tuned in {self.seconds:.0f} s, predicted gain {self.predicted:+.2f} dB"


@MODELS.register_module()
class InternalLearning:
    """Tune a network on a picture's own pairs before it restores the picture.

    The result depends on the network, the picture, the options and the number of threads, and on
    nothing else: not on order, workers or tiles.

    Args:
        steps: Steps of Adam, whose rate falls to zero by half a cosine; or ``'fast'``, ``'best'``.
        lr: Learning rate.
        batch: Crops of the picture in a step.
        crop: Side of a crop in pixels of the reduced picture.
        rehearsal: Crops of other pictures in a step; they ship with the package.
        gate: Least predicted gain in dB with which the tuned network is taken; ``None`` takes it
            always.
        what: Parameters that are tuned: ``'all'``, or ``'scales'``: biases, slopes and scales.
        blur: Standard deviation in pixels of a Gaussian that the picture is blurred with before it
            is reduced, in place of the bicubic's own filter; ``None`` for the bicubic.
        seed: Of crops and their flips.

    Raises:
        ValueError: An option is out of its range.
    """

    def __init__(
        self,
        steps: int | str = "fast",
        lr: float = 3e-4,
        batch: int = 8,
        crop: int = 48,
        rehearsal: int = 8,
        gate: float | None = 0.15,
        what: Literal["all", "scales"] = "all",
        blur: float | None = None,
        seed: int = 0,
    ) -> None:
        steps = parse_steps(steps)
        if batch < 1 or crop < 8 or rehearsal < 0 or not lr > 0:
            raise ValueError(
                f"batch={batch}, crop={crop}, rehearsal={rehearsal}, lr={lr}: internal learning "
                "needs a crop of 8 pixels and a positive rate at least"
            )
        if what not in ("all", "scales"):
            raise ValueError(f"what must be 'all' or 'scales', got {what!r}")
        if blur is not None and not blur > 0:
            raise ValueError(f"blur={blur} must be positive, or None for the bicubic")
        self.steps = steps
        self.lr = lr
        self.batch = batch
        self.crop = crop
        self.rehearsal = rehearsal
        self.gate = gate
        self.what = what
        self.blur = blur
        self.seed = seed
        # The same tuning on other pictures, which depends on the network only, and its digest.
        self._shifted: tuple[int, Network] | None = None

    def __call__(
        self,
        network: Network,
        lq: Tensor,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[Network, Tuning]:
        """Tune a copy of a network, if that is predicted to gain.

        Args:
            network: Trained, of scale 2 at least; stays as it is.
            lq: ``(1, C, H, W)`` in [0, 1], the network's channels, or RGB for a luma network.
            progress: Called with (steps done, steps in all).

        Returns:
            The tuned copy in eval mode, or the network itself, and what became of it.

        Raises:
            ValueError: The network's scale is 1, so that no picture and its reduction are a pair.
        """
        return self.decide(network, *self.tune(network, lq, progress))

    def decide(self, network: Network, tuned: Network, made: Tuning) -> tuple[Network, Tuning]:
        """The gate: the tuned network if it is predicted to gain, else the network as it was."""
        if made.refused or self.gate is None:
            return tuned, made
        if made.predicted < self.gate or min(made.parts) <= max(0.0, made.shift):
            refused = f"its predicted gain is {made.predicted:+.2f} dB"
            return network, replace(made, refused=refused)
        return tuned, made

    def tune(
        self,
        network: Network,
        lq: Tensor,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[Network, Tuning]:
        """As `__call__`, but the tuned network is returned whatever gain is predicted."""
        started = time.perf_counter()
        spec = network.spec
        if spec.scale < 2:
            raise ValueError(
                f"{type(network).__name__} does not enlarge: internal learning needs a scale of 2 "
                "at least, for the picture and its reduction to be a pair"
            )
        if spec.colour == "luma":
            lq = to_luma(lq)
        refused = self._refusal(network, lq)
        if refused:
            return network, Tuning(refused)
        with torch.inference_mode(False), torch.enable_grad():
            return self._tuned(network, lq.detach().clone().float(), progress, started)

    def _refusal(self, network: Network, lq: Tensor) -> str:
        scale = network.spec.scale
        # between two held-out strips there is room for a crop then
        least = scale * (2 + math.ceil(2.5 * _least(network)))
        if not self._wanted(network):
            return "the network has nothing to train"
        if min(lq.shape[-2:]) < least:
            return f"the picture is smaller than {least}x{least}"
        if lq.var() < _FLAT:
            return "the picture is nearly constant"
        return ""

    def _tuned(
        self,
        network: Network,
        lq: Tensor,
        progress: Callable[[int, int], None],
        started: float,
    ) -> tuple[Network, Tuning]:
        scale, seed = network.spec.scale, self._seed_of(lq)
        pairs = [
            Pair(part, self._reduced(part, scale), held=True)
            for part in _windows(lq, scale, np.random.default_rng(seed))
        ]
        others = [
            Pair(crop, _rounded(imresize(crop, 1 / scale)))
            for crop in _rehearsal_crops(network.spec.channels[0], lq.device)
        ]
        state = _digest(network)
        missing = self._shifted is None or self._shifted[0] != state
        total = self.steps * (2 if missing else 1)
        tuned = self._train(network, pairs, others, seed, lambda n: progress(n, total))
        if self._shifted is None or self._shifted[0] != state:
            reduced = [Pair(pair.lr, self._reduced(pair.lr, scale)) for pair in others]
            shifted = self._train(
                network, reduced, others, self.seed, lambda n: progress(self.steps + n, total)
            )
            self._shifted = state, shifted
        networks = (network, tuned, self._shifted[1])
        before, after, other = (_held_out_error(n, pairs) for n in networks)
        gains = [_decibels(b, a) for b, a in zip(before, after, strict=True)]
        shift = _decibels(sum(before), sum(other))
        predicted = _decibels(sum(before), sum(after)) - max(0.0, shift)
        seconds = time.perf_counter() - started
        return tuned, Tuning("", predicted, (gains[0], gains[1]), shift, seconds)

    def _seed_of(self, lq: Tensor) -> int:
        pixels = (lq.clamp(0, 1) * 255).round().to("cpu", torch.uint8)
        return zlib.crc32(pixels.numpy().tobytes(), self.seed)

    def _reduced(self, hr: Tensor, scale: int) -> Tensor:
        if self.blur is None:
            return _rounded(imresize(hr, 1 / scale))
        return _rounded(_blurred(hr, self.blur)[..., ::scale, ::scale])

    def _wanted(self, network: nn.Module) -> list[nn.Parameter]:
        return [
            p
            for p in network.parameters()
            if p.requires_grad and (self.what == "all" or p.ndim <= 1 or p[0].numel() == 1)
        ]

    def _train(
        self,
        network: Network,
        pairs: list[Pair],
        others: list[Pair],
        seed: int,
        progress: Callable[[int], None],
    ) -> Network:
        tuned = copy.deepcopy(network).eval()  # nothing random, no statistics of batches
        wanted = self._wanted(tuned)
        optimizer = torch.optim.Adam(wanted, self.lr)
        rng = np.random.default_rng(seed)
        scale = network.spec.scale
        for step in range(self.steps):
            for group in optimizer.param_groups:
                group["lr"] = self.lr * (1 + math.cos(math.pi * step / self.steps)) / 2
            crops = [
                _crop(pairs, self.crop, _least(network), scale, rng) for _ in range(self.batch)
            ] + [
                _crop(others, self.crop, _least(network), scale, rng) for _ in range(self.rehearsal)
            ]
            losses = []
            for lr, hr in _batches(crops):
                losses.append(F.l1_loss(tuned(lr), hr, reduction="sum"))
            loss = torch.stack(losses).sum() / sum(c.hr.numel() for c in crops)
            for parameter, gradient in zip(
                wanted, torch.autograd.grad(loss, wanted, allow_unused=True), strict=True
            ):
                parameter.grad = gradient
            optimizer.step()
            progress(step + 1)
        for parameter in wanted:
            parameter.grad = None
        return tuned


def _digest(network: nn.Module) -> int:
    """Of all numbers of a network."""
    digest = 0
    for value in network.state_dict().values():
        digest = zlib.crc32(value.detach().cpu().contiguous().numpy().tobytes(), digest)
    return digest


def _windows(lq: Tensor, scale: int, rng: np.random.Generator) -> list[Tensor]:
    """The picture cut to a multiple of the scale; of a large one a few windows."""
    height, width = (n - n % scale for n in lq.shape[-2:])
    side = _WINDOW - _WINDOW % scale
    if height * width <= _WINDOWS * side * side:
        return [lq[..., :height, :width]]
    rows, cols = min(height, side), min(width, side)
    tops = rng.integers(0, height - rows + 1, _WINDOWS)
    lefts = rng.integers(0, width - cols + 1, _WINDOWS)
    return [
        lq[..., top : top + rows, left : left + cols]
        for top, left in zip(tops.tolist(), lefts.tolist(), strict=True)
    ]


def _rounded(image: Tensor) -> Tensor:
    """Rounded to 8 bits, as the LR images of the training sets are."""
    return (image.clamp(0, 1) * 255).round() / 255


def _blurred(image: Tensor, sigma: float) -> Tensor:
    radius = math.ceil(3 * sigma)
    places = torch.arange(-radius, radius + 1, dtype=image.dtype, device=image.device)
    weights = torch.exp(-places.square() / (2 * sigma**2))
    weights = (weights / weights.sum()).expand(image.shape[1], 1, -1)
    padded = F.pad(image, (radius,) * 4, mode="reflect")
    rows = F.conv2d(padded, weights[..., None], groups=image.shape[1])
    return F.conv2d(rows, weights[..., None, :], groups=image.shape[1])


@functools.cache
def _stored_crops() -> np.ndarray:
    strip = read_image(_CROPS)
    return strip.reshape(strip.shape[0], -1, strip.shape[0], 3).transpose(1, 0, 2, 3)


def _rehearsal_crops(channels: int, device: torch.device) -> list[Tensor]:
    crops = torch.from_numpy(_stored_crops()).permute(0, 3, 1, 2).float() / 255
    return list((crops if channels == 3 else to_luma(crops)).to(device).split(1))


def _held_out(length: int) -> list[tuple[int, int]]:
    """The held-out strips of a side of the reduced picture, spread over all of it."""
    count = max(2, length // _PERIOD)
    half = _HELD_OUT * length / count / 2
    middles = [(number + 0.5) * length / count for number in range(count)]
    return [(round(middle - half), round(middle + half)) for middle in middles]


def _least(network: Network) -> int:
    """Smallest side of a crop."""
    return max(_LEAST, network.spec.min_size)


def _crop(pairs: list[Pair], side: int, least: int, scale: int, rng: np.random.Generator) -> Pair:
    """A random crop, flipped and turned; outside what is held out along the longer side."""
    pair = pairs[int(rng.integers(len(pairs)))]
    size = pair.lr.shape[-2:]
    longer = int(size[1] > size[0])
    length = size[longer]
    held = _held_out(length) if pair.held else []
    edges = [0, *(edge for strip in held for edge in strip), length]
    free = list(zip(edges[::2], edges[1::2], strict=True))
    least = min(least, length)
    room = np.array([stop - start if stop - start >= least else 0 for start, stop in free], float)
    spans = [(0, size[0]), (0, size[1])]
    spans[longer] = free[int(rng.choice(len(free), p=room / room.sum()))]
    starts, sides = [], []
    for start, stop in spans:
        own = min(side, stop - start)
        starts.append(int(rng.integers(start, stop - own + 1)))
        sides.append(own)
    (top, left), (rows, cols) = starts, sides
    lr = pair.lr[..., top : top + rows, left : left + cols]
    hr = pair.hr[
        ...,
        scale * top : scale * (top + rows),
        scale * left : scale * (left + cols),
    ]
    flips = [dim for dim in (-1, -2) if rng.random() < 0.5]
    lr, hr = lr.flip(flips), hr.flip(flips)
    return Pair(hr.mT, lr.mT) if rng.random() < 0.5 else Pair(hr, lr)


def _batches(crops: list[Pair]) -> list[tuple[Tensor, Tensor]]:
    """Crops of one size together."""
    sizes: dict[tuple[int, ...], list[Pair]] = {}
    for crop in crops:
        sizes.setdefault(tuple(crop.lr.shape), []).append(crop)
    return [
        (torch.cat([c.lr for c in same]), torch.cat([c.hr for c in same]))
        for same in sizes.values()
    ]


@torch.no_grad()
def _held_out_error(network: Network, pairs: list[Pair]) -> list[float]:
    """Sums of squared errors in the two halves of what is held out: every second strip."""
    scale, sums = network.spec.scale, [0.0, 0.0]
    for pair in pairs:
        error = (network(pair.lr).clamp(0, 1) - pair.hr).double().square()
        border = error[..., scale:-scale, scale:-scale]
        dim = -1 if pair.lr.shape[-1] > pair.lr.shape[-2] else -2
        for number, (start, stop) in enumerate(_held_out(pair.lr.shape[dim])):
            part = border.narrow(dim, scale * (start - 1), scale * (stop - start))
            sums[number % 2] += float(part.sum())
    return sums


def _decibels(before: float, after: float) -> float:
    return 10 * math.log10(max(before, 1e-12) / max(after, 1e-12))
