"""Whether a tensor has values that may be looked at."""

from __future__ import annotations

import torch
from torch import Tensor


def is_traced(tensor: Tensor) -> bool:
    """Whether a tensor stands for any values: while compiling, or in a dry run on fake tensors."""
    return torch.compiler.is_compiling() or hasattr(tensor, "fake_mode")
