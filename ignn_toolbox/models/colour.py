"""RGB pictures through networks that know luma only, with the numbers of MATLAB's YCbCr."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..ops import imresize
from .spec import NetworkSpec

_MATRIX = (
    (65.481, 128.553, 24.966),
    (-37.797, -74.203, 112.0),
    (112.0, -93.786, -18.214),
)
_OFFSET = (16.0, 128.0, 128.0)
_GREY = (0.299, 0.587, 0.114)  # as PNG and JPEG readers turn colour into grey


def to_ycbcr(rgb: Tensor) -> Tensor:
    """Convert ``(N, 3, H, W)`` RGB in [0, 1] to Y in [16, 235] / 255, Cb and Cr in [16, 240] / 255.

    ITU-R BT.601 as MATLAB's ``rgb2ycbcr`` has it, nothing rounded.
    """
    matrix, offset = _constants(rgb)
    return torch.einsum("ij,njhw->nihw", matrix, rgb) + offset


def to_rgb(ycbcr: Tensor) -> Tensor:
    """Invert `to_ycbcr`."""
    matrix, offset = _constants(ycbcr)
    inverse = torch.linalg.inv(matrix.double()).to(matrix.dtype)
    return torch.einsum("ij,njhw->nihw", inverse, ycbcr - offset)


def to_luma(rgb: Tensor) -> Tensor:
    """The Y of `to_ycbcr`, ``(N, 1, H, W)``; a single plane is taken as luma already."""
    return rgb if rgb.shape[1] == 1 else to_ycbcr(rgb)[:, :1]


def in_own_planes(image: Tensor, spec: NetworkSpec) -> Tensor:
    """Bring RGB pictures ``(N, 3, H, W)`` to the planes of a network of luma or grey, for training.

    Raises:
        ValueError: A picture is coloured, and the network knows grey only.
    """
    if spec.colour == "luma":
        return to_luma(image)
    return _grey(image) if spec.colour == "grey" else image


def restore_in_colour(restore: Callable[[Tensor], Tensor], spec: NetworkSpec, lq: Tensor) -> Tensor:
    """Restore a picture whose channels may not be the network's.

    A luma network restores the luma of RGB; Cb and Cr are enlarged by MATLAB's bicubic. A single
    plane is repeated three times for a network of RGB, and its result becomes grey again. Three
    equal planes go through a network of grey as one.

    Args:
        restore: The network, or what runs it.
        spec: Of the network.
        lq: ``(N, C, H, W)`` in [0, 1], C = 1 or 3.

    Returns:
        ``(N, C, scale * H, scale * W)``, not clamped.

    Raises:
        ValueError: The picture is coloured, and the network knows grey only.
    """
    channels = lq.shape[1]
    if channels == spec.channels[0]:
        return restore(lq)
    if channels == 3 and spec.colour == "luma":
        ycbcr = to_ycbcr(lq)
        chroma = ycbcr[:, 1:]
        if spec.scale > 1:
            chroma = imresize(chroma, float(spec.scale))
        return to_rgb(torch.cat((restore(ycbcr[:, :1]), chroma), 1))
    if channels == 1 and spec.channels[0] == 3:
        rgb = restore(lq.expand(-1, 3, -1, -1).contiguous())
        return (rgb * rgb.new_tensor(_GREY).view(1, 3, 1, 1)).sum(1, keepdim=True)
    if channels == 3 and spec.colour == "grey":
        return restore(_grey(lq)).expand(-1, 3, -1, -1)
    raise ValueError(
        f"a picture of {channels} channels does not fit a network of {spec.channels[0]}"
    )


def _grey(image: Tensor) -> Tensor:
    """The plane that all three of RGB are."""
    plane = image[:, :1]
    if not bool((image == plane).all()):
        raise ValueError(
            "a coloured picture does not fit a network for grey pictures; turn it to grey first"
        )
    return plane


def _constants(like: Tensor) -> tuple[Tensor, Tensor]:
    dtype = like.dtype if like.dtype == torch.float64 else torch.float32
    matrix = torch.tensor(_MATRIX, dtype=dtype, device=like.device) / 255
    return matrix, torch.tensor(_OFFSET, dtype=dtype, device=like.device).view(1, 3, 1, 1) / 255
