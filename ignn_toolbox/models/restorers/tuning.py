"""Tuning a copy of a network on few pairs, and what one gains on pairs."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from ..steps import Network
from .own_pairs import Pair, random_crop, stacked


def tune(
    network: Network,
    pairs: Sequence[Pair],
    rehearsed: Sequence[Pair],
    wanted: Sequence[str],
    *,
    steps: int,
    lr: float,
    batch: int,
    rehearsal: int,
    crop: int,
    seed: int,
    progress: Callable[[int], None] = lambda done: None,
) -> Network:
    """Return a tuned copy of a network in eval mode: nothing random, no statistics of batches.

    Args:
        network: Stays as it is.
        pairs: What is learnt.
        rehearsed: Pairs of other pictures.
        wanted: Names of the parameters that are tuned.
        steps: Steps of Adam on the mean absolute error; the rate falls to 0 by half a cosine.
        lr: Rate of the first step.
        batch: Crops of ``pairs`` in a step.
        rehearsal: Crops of ``rehearsed`` in a step.
        crop: Their side in pixels of the reduced picture.
        seed: Of crops, flips and turns.
        progress: Called with the number of steps done.
    """
    tuned = copy.deepcopy(network).eval()
    parameters = [tuned.get_parameter(name) for name in wanted]
    optimizer = torch.optim.Adam(parameters, lr)
    rng = np.random.default_rng(seed)
    scale = network.spec.scale
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * step / steps)) / 2
        crops = [random_crop(pairs, crop, scale, rng) for _ in range(batch)]
        crops += [random_crop(rehearsed, crop, scale, rng) for _ in range(rehearsal)]
        errors = [(tuned(lr) - hr).abs().sum() for hr, lr in stacked(crops)]
        loss = torch.stack(errors).sum() / sum(pair.hr.numel() for pair in crops)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
        progress(step + 1)
    for parameter in parameters:
        parameter.grad = None
    return tuned


def between(network: Network, tuned: Network, share: float) -> Network:
    """Return the network whose parameters are ``share`` of the way from one to the other."""
    made = copy.deepcopy(tuned)
    with torch.no_grad():
        for parameter, start in zip(made.parameters(), network.parameters(), strict=True):
            parameter.lerp_(start, 1 - share)
    return made


@torch.no_grad()
def squared_error(network: Network, pairs: Sequence[Pair]) -> float:
    """Return the sum of squared errors over pairs, without a border of ``scale`` pixels."""
    border = slice(network.spec.scale, -network.spec.scale)
    total = 0.0
    for pair in pairs:
        error = (network(pair.lr).clamp(0, 1) - pair.hr)[..., border, border]
        total += float(error.double().square().sum())
    return total


def gain(before: float, after: float) -> float:
    """Return the gain in dB when a sum of squared errors falls from ``before`` to ``after``."""
    return 10 * math.log10(max(before, 1e-12) / max(after, 1e-12))
