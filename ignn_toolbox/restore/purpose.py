"""What a model is for: the right command for it, and the mosaics that one for mosaics takes."""

from __future__ import annotations

import torch
from torch import Tensor

from ..datasets.degradations.mosaic import PHASES
from ..models.spec import NetworkSpec

PHASE = "GRBG"  # of the networks that are trained here, and of PANet's and RNAN's
_NEXT = {
    "RGGB": "leave out the first column",
    "BGGR": "leave out the first row",
    "GBRG": "leave out the first row and column",
}


def check_purpose(spec: NetworkSpec, name: str, keeps_size: bool) -> None:
    """Check that a network does what a command is for.

    Args:
        spec: Of the network.
        name: Of the model.
        keeps_size: Whether the command restores at the picture's own size, or enlarges.

    Raises:
        ValueError: It does the other; the right command is named.
    """
    if spec.scale > 1 and keeps_size:
        raise ValueError(
            f"{name} enlarges pictures (x{spec.scale}): `ignn upscale --model {name}` runs it; "
            "`ignn models` lists those that restore at a picture's own size"
        )
    if spec.scale == 1 and not keeps_size:
        raise ValueError(
            f"{name} is for {spec.purpose} and keeps a picture's size: `ignn restore --model "
            f"{name}` runs it; `ignn models` lists those that enlarge"
        )


def as_mosaic(lq: Tensor) -> Tensor:
    """Bring a Bayer mosaic to three channels with zeros.

    Args:
        lq: ``(N, 3, H, W)`` with zeros where a channel has no sample, or ``(N, 1, H, W)``, the
            samples alone.

    Returns:
        ``(N, 3, H, W)``.

    Raises:
        ValueError: A side is odd; the picture is no mosaic, or one of another phase than GRBG,
            which its zeros tell.
    """
    height, width = lq.shape[-2:]
    if height % 2 or width % 2:
        raise ValueError(
            f"a Bayer mosaic has cells of 2x2 pixels, and {width}x{height} cuts some in two; crop "
            "it to even sides that begin with a whole cell"
        )
    if lq.shape[1] == 1:
        return lq * _samples(PHASE, lq)
    found = [phase for phase in PHASES if not (lq * (1 - _samples(phase, lq))).any()]
    if not found:
        raise ValueError(
            "the picture is no Bayer mosaic: it has more than one colour in a pixel. A mosaic is "
            "one plane of samples, or three with zeros where a channel has none"
        )
    if PHASE not in found:
        raise ValueError(
            f"the mosaic's phase is {found[0]}, as its zeros tell, and the network takes {PHASE}: "
            f"{_NEXT[found[0]]}"
        )
    return lq


def _samples(phase: str, like: Tensor) -> Tensor:
    """``(1, 3, H, W)``, 1 where a channel has a sample."""
    samples = torch.zeros(1, 3, *like.shape[-2:], dtype=like.dtype, device=like.device)
    for place, colour in enumerate(phase):
        samples[:, "RGB".index(colour), place // 2 :: 2, place % 2 :: 2] = 1
    return samples
