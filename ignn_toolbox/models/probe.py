"""How far a network looks whose parts are not known, found by asking it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .spec import NetworkSpec

_THIN = 16  # pixels across the strips that are asked
_LENGTHS = (64, 128, 256, 512, 1024)
_SHIFTS = (1, 2, 3, 5, 8)  # a part may begin anywhere: windows and strides show by these
_EQUAL = 1e-4


@torch.no_grad()
def probed_halo(network: Callable[[Tensor], Tensor], spec: NetworkSpec) -> int | None:
    """Find the most input pixels on one side that a place of the result depends on.

    Not-a-number in one pixel of a long strip reaches all that depends on it, along both sides; and
    parts of noise must come out as they do within the whole, wherever they begin.

    Args:
        network: From ``(1, C, H, W)`` to ``scale`` times the size.
        spec: Its channels, scale and smallest size.

    Returns:
        The halo, or None where a place may depend on the whole picture, or on where a part begins.
    """
    halo = 0
    for turned in (False, True):

        def run(strip: Tensor, turned: bool = turned) -> Tensor:
            out = network(strip.transpose(-1, -2).contiguous() if turned else strip)
            return out.transpose(-1, -2) if turned else out

        along = _along(run, spec)
        if along is None or not _is_the_same_in_parts(run, spec, along):
            return None
        halo = max(halo, along)
    return halo


def _along(run: Callable[[Tensor], Tensor], spec: NetworkSpec) -> int | None:
    for length in _LENGTHS:
        strip = torch.full((1, spec.channels[0], max(_THIN, spec.min_size), length), 0.5)
        middle = length // 2
        strip[..., strip.shape[-2] // 2, middle] = torch.nan
        reached = run(strip).isnan().flatten(0, -2).any(0).nonzero().flatten()
        if not len(reached):
            return None  # it makes numbers of what is none
        first, last = int(reached[0]) // spec.scale, int(reached[-1]) // spec.scale
        if first > 0 and last < length - 1:
            return max(middle - first, last - middle)
    return None


def _is_the_same_in_parts(run: Callable[[Tensor], Tensor], spec: NetworkSpec, halo: int) -> bool:
    size = max(_THIN, spec.min_size), 2 * halo + 24 + max(_SHIFTS)
    generator = torch.Generator().manual_seed(0)
    strip = torch.rand(1, spec.channels[0], *size, generator=generator)
    whole = run(strip)
    for shift in _SHIFTS:
        part = run(strip[..., shift:].contiguous())
        inside = whole[..., (shift + halo) * spec.scale :]
        if (part[..., halo * spec.scale :] - inside).abs().max() > _EQUAL:
            return False
    return True
