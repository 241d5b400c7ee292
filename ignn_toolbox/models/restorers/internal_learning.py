"""Internal learning: a trained network is tuned on the picture that it is to restore.

The picture and the picture reduced once more are a training pair, and what recurs across scales is
learnt from it (Shocher et al., "Zero-Shot" Super-Resolution using Deep Internal Learning, CVPR
2018; here the network is trained beforehand). Three things differ from the literature. Crops of
other pictures are rehearsed in every step, since a reduced picture has other statistics than a
picture. The network goes only a share of the way from its old to its tuned weights. And all is
rehearsed one scale down beforehand, where the truth is known: what is learnt from the picture
reduced once and twice must help to restore the picture itself from its reduction.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from ...registry import MODELS
from ..colour import to_luma
from ..steps import Network
from .own_pairs import Pair, picture_pairs, reduced_pair, rehearsal_pairs
from .reduction import Reduction
from .tuning import between, gain, squared_error, tune

PRESETS = {"fast": 40, "best": 200}
_LEAST = 12  # pixels a side of a picture that was reduced twice
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


@dataclass(frozen=True)
class Tuning:
    """What became of a picture's tuning.

    Attributes:
        refused: Why the network stays as it was; empty where it was tuned.
        predicted: Gain in dB that the same tuning brings one scale down; ``None`` where that was
            not tried.
        seconds: Time taken.
    """

    refused: str = ""
    predicted: float | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        if self.refused:
            return f"not tuned: {self.refused}"
        told = "" if self.predicted is None else f", predicted gain {self.predicted:+.2f} dB"
        return f"tuned in {self.seconds:.0f} s{told}"


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
        share: How far the network goes from its old weights to the tuned ones, up to 1; by default
            half of the way for the bicubic, all of it for another kernel, which the old weights do
            not know.
        gate: Least predicted gain in dB with which the network is tuned; ``None`` tunes it always
            and predicts nothing.
        what: Parameters that are tuned: ``'all'``, or ``'scales'``: biases, slopes and scales.
        kernel: How the picture is supposed to have become small: ``'bicubic'``,
            ``'gaussian:SIGMA'``, or the name of a text file; see `Reduction.parse`.
        seed: Of crops and their flips.

    Raises:
        FileNotFoundError: There is no such kernel file.
        ValueError: An option is out of its range.
    """

    def __init__(
        self,
        steps: int | str = "fast",
        lr: float = 3e-4,
        batch: int = 4,
        crop: int = 48,
        rehearsal: int = 4,
        share: float | None = None,
        gate: float | None = 0.3,
        what: Literal["all", "scales"] = "all",
        kernel: str = "bicubic",
        seed: int = 0,
    ) -> None:
        if batch < 1 or crop < 8 or rehearsal < 0 or not lr > 0:
            raise ValueError(
                f"batch={batch}, crop={crop}, rehearsal={rehearsal}, lr={lr}: internal learning "
                "needs a crop of 8 pixels and a positive rate at least"
            )
        if share is not None and not 0 < share <= 1:
            raise ValueError(f"share={share} of the way to the tuned weights must be in (0, 1]")
        if what not in ("all", "scales"):
            raise ValueError(f"what must be 'all' or 'scales', got {what!r}")
        self.steps = parse_steps(steps)
        self.lr = lr
        self.batch = batch
        self.crop = crop
        self.rehearsal = rehearsal
        self.gate = gate
        self.what = what
        self.reduction = Reduction.parse(kernel)
        self.share = share or (0.5 if kernel == "bicubic" else 1.0)
        self.seed = seed

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
        started = time.perf_counter()
        refused, predicted = self.refusal(network, lq), None
        passes = 1 if self.gate is None else 2
        total = passes * self.steps
        if not refused and self.gate is not None:
            predicted = self.predict(network, lq, lambda done: progress(done, total))
            if predicted < self.gate:
                refused = f"a gain of {predicted:+.2f} dB is predicted, less than {self.gate:g}"
        if not refused:
            done = total - self.steps
            network = self.tune(network, lq, lambda more: progress(done + more, total))
        return network, Tuning(refused, predicted, time.perf_counter() - started)

    def refusal(self, network: Network, lq: Tensor) -> str:
        """Return why a picture cannot teach a network anything; empty where it can.

        Raises:
            ValueError: The network's scale is 1.
        """
        spec = network.spec
        if spec.scale < 2:
            raise ValueError(
                f"{type(network).__name__} does not enlarge: internal learning needs a scale of 2 "
                "at least, for the picture and its reduction to be a pair"
            )
        least = spec.scale**2 * max(_LEAST, spec.min_size)
        if not self._wanted(network):
            return "the network has nothing to train"
        if min(lq.shape[-2:]) < least:
            return f"the picture is smaller than {least}x{least}"
        if lq.var() < _FLAT:
            return "the picture is nearly constant"
        return ""

    def predict(
        self, network: Network, lq: Tensor, progress: Callable[[int], None] = lambda done: None
    ) -> float:
        """Return the gain in dB that the same tuning brings one scale down.

        The network is tuned on the picture reduced once and twice, goes all the way, where harm
        shows first, and restores the picture from its reduction; arguments as in `__call__`.
        """
        pairs = self._pairs(network, lq)
        scale = network.spec.scale
        smaller = [reduced_pair(pair, scale, self.reduction) for pair in pairs]
        tuned = self._tuned(network, smaller, lq, progress)
        return gain(squared_error(network, pairs), squared_error(tuned, pairs))

    def tune(
        self, network: Network, lq: Tensor, progress: Callable[[int], None] = lambda done: None
    ) -> Network:
        """Return a tuned copy of a network, whatever it gains; arguments as in `__call__`."""
        tuned = self._tuned(network, self._pairs(network, lq), lq, progress)
        return between(network, tuned, self.share)

    def _pairs(self, network: Network, lq: Tensor) -> list[Pair]:
        with torch.inference_mode(False):
            if network.spec.colour == "luma":
                lq = to_luma(lq)
            rng = np.random.default_rng(self._seed_of(lq))
            return picture_pairs(lq.clone().float(), network.spec.scale, self.reduction, rng)

    def _tuned(
        self, network: Network, pairs: list[Pair], lq: Tensor, progress: Callable[[int], None]
    ) -> Network:
        spec = network.spec
        with torch.inference_mode(False), torch.enable_grad():
            return tune(
                network,
                pairs,
                rehearsal_pairs(spec.channels[0], spec.scale, self.reduction, lq.device),
                self._wanted(network),
                steps=self.steps,
                lr=self.lr,
                batch=self.batch,
                rehearsal=self.rehearsal,
                crop=max(self.crop, spec.min_size),
                seed=self._seed_of(lq),
                progress=progress,
            )

    def _seed_of(self, lq: Tensor) -> int:
        pixels = (lq.clamp(0, 1) * 255).round().to("cpu", torch.uint8)
        return zlib.crc32(pixels.numpy().tobytes(), self.seed)

    def _wanted(self, network: nn.Module) -> list[str]:
        return [
            name
            for name, p in network.named_parameters()
            if p.requires_grad and (self.what == "all" or p.ndim <= 1 or p[0].numel() == 1)
        ]
