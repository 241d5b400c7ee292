"""Pixel arrays of users to the network's tensors and back."""

import numpy as np
import torch
from torch import Tensor

from .pixels import LARGEST, checked_array

_NUMPY_S = (torch.float16, torch.float32, torch.float64)


def tensor_to_arrays(
    pixels: Tensor, value_range: tuple[float, float] | None = None
) -> list[np.ndarray]:
    """Split ``(C, H, W)`` or ``(N, C, H, W)`` into arrays ``(H, W, C)`` of the same dtype.

    bfloat16, which numpy lacks, becomes float32.

    Args:
        pixels: On any device.
        value_range: As in `checked_array`.

    Raises:
        TypeError: Another dtype than `checked_array` takes, or a tensor without plain values
            (sparse, quantised, on the meta device).
        ValueError: Another shape, or as `checked_array`.
    """
    if pixels.layout != torch.strided or pixels.is_quantized or pixels.device.type == "meta":
        kind: object = pixels.device if pixels.device.type == "meta" else pixels.layout
        kind = pixels.dtype if pixels.is_quantized else kind
        raise TypeError(f"a tensor of the kind {kind} holds no plain pixels; make it dense first")
    batch = pixels if pixels.ndim == 4 else pixels[None]
    if batch.ndim != 4:
        raise ValueError(
            f"a tensor of shape {tuple(pixels.shape)} is no picture; "
            "(C, H, W) or (N, C, H, W) is needed"
        )
    batch = batch.detach().cpu().resolve_conj().resolve_neg()
    if batch.is_floating_point() and batch.dtype not in _NUMPY_S:
        batch = batch.float()
    return [checked_array(image.numpy().transpose(1, 2, 0), value_range) for image in batch]


def to_tensor(pixels: np.ndarray) -> Tensor:
    """Return ``(H, W, C)`` of any dtype as float32 ``(1, C, H, W)`` in [0, 1]."""
    values = np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.float32)
    return torch.from_numpy(values).div_(LARGEST.get(pixels.dtype, 1))[None]


def to_array(image: Tensor, dtype: np.dtype) -> np.ndarray:
    """Return ``(1, C, H, W)`` as ``(H, W, C)`` of ``dtype``: clipped to [0, 1], integers rounded.

    Raises:
        ValueError: A value is not finite; a cast would make a number of it.
    """
    largest = LARGEST.get(dtype)
    pixels = np.empty((*image.shape[-2:], image.shape[1]), dtype)
    for channel, plane in enumerate(image[0]):  # one at a time: large pictures come here
        if not torch.isfinite(plane).all():
            bad = int((~torch.isfinite(plane)).sum())
            raise ValueError(
                f"the restored picture holds values that are not finite ({bad} of {plane.numel()} "
                f"in channel {channel + 1}): the network computes none for this picture"
            )
        plane = plane.clamp(0, 1)
        pixels[:, :, channel] = (plane.mul_(largest).round_() if largest else plane).numpy()
    return pixels
