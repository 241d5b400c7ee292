"""Pixel arrays of users to the network's tensors and back."""

import cv2
import numpy as np
import torch
from torch import Tensor

_LARGEST = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def checked_array(pixels: np.ndarray) -> np.ndarray:
    """Returns the array if it is a picture: ``(H, W)`` or ``(H, W, C)`` of a known dtype.

    Raises:
        TypeError: Another dtype than uint8, uint16 or floating point.
        ValueError: Another shape, no pixels, or a value that is not finite.
    """
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or 0 in pixels.shape:
        raise ValueError(
            f"an array of shape {pixels.shape} is no picture; (H, W) or (H, W, C) with 1 (grey), "
            "2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha) channels is needed"
        )
    if pixels.dtype not in _LARGEST and not np.issubdtype(pixels.dtype, np.floating):
        raise TypeError(f"pixels of {pixels.dtype} are not known; use uint8, uint16 or float")
    if np.issubdtype(pixels.dtype, np.floating) and not np.isfinite(pixels).all():
        raise ValueError("the picture holds values that are not finite")
    return pixels


def tensor_to_arrays(pixels: Tensor) -> list[np.ndarray]:
    """Splits ``(C, H, W)`` or ``(N, C, H, W)`` into arrays ``(H, W, C)`` of the same dtype.

    bfloat16, which numpy lacks, becomes float32.

    Raises:
        TypeError: Another dtype than :func:`checked_array` takes.
        ValueError: Another shape.
    """
    batch = pixels if pixels.ndim == 4 else pixels[None]
    if batch.ndim != 4:
        raise ValueError(
            f"a tensor of shape {tuple(pixels.shape)} is no picture; "
            "(C, H, W) or (N, C, H, W) is needed"
        )
    batch = batch.detach().cpu()
    if batch.dtype == torch.bfloat16:
        batch = batch.float()
    return [checked_array(image.permute(1, 2, 0).contiguous().numpy()) for image in batch]


def to_tensor(pixels: np.ndarray) -> Tensor:
    """``(H, W, C)`` of any dtype to float32 ``(1, C, H, W)`` in [0, 1]."""
    values = np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.float32)
    return torch.from_numpy(values).div_(_LARGEST.get(pixels.dtype, 1))[None]


def to_array(image: Tensor, dtype: np.dtype) -> np.ndarray:
    """``(1, C, H, W)`` to ``(H, W, C)`` of ``dtype``: clipped to [0, 1], integers rounded."""
    largest = _LARGEST.get(dtype)
    pixels = np.empty((*image.shape[-2:], image.shape[1]), dtype)
    for channel, plane in enumerate(image[0]):  # one at a time: large pictures come here
        plane = plane.clamp(0, 1)
        pixels[:, :, channel] = (plane.mul_(largest).round_() if largest else plane).numpy()
    return pixels


def fill_transparent(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Gives fully transparent pixels the colour of the nearest pixel that can be seen.

    Whatever lies under them (often black) would else bleed into visible edges.

    Args:
        colour: ``(H, W, C)``.
        alpha: ``(H, W)``; 0 is fully transparent.
    """
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return colour
    _, label = cv2.distanceTransformWithLabels(
        hidden.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    seen = ~hidden
    source = np.zeros(label.max() + 1, np.int64)
    source[label[seen]] = np.flatnonzero(seen)
    filled = colour.copy()
    filled[hidden] = colour.reshape(-1, colour.shape[2])[source[label[hidden]]]
    return filled
