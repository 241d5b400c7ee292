"""Numbers that depend on sizes only: made once on the host, then kept on the device.

Results never depend on what is kept. Without it every call would copy some tables to the device,
and wait for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


@functools.lru_cache(maxsize=256)
def constants(
    make: Callable[..., tuple[Tensor, ...]], device: torch.device, *arguments: Any
) -> tuple[Tensor, ...]:
    """The tensors ``make(*arguments)`` on ``device``, never to be changed.

    Args:
        make: Makes them on the CPU from nothing but its arguments.
        device: Where they are wanted.
        *arguments: Can be hashed.
    """
    with torch.inference_mode(False):  # else they could serve no later training
        return tuple(tensor.to(device) for tensor in make(*arguments))
