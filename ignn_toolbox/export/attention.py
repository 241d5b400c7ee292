"""The form of the operator `attend_patches`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def attend(
    queries: Tensor, keys: Tensor, values: Tensor, gain: Tensor, grids: Sequence[int], size: int
) -> Tensor:
    """All pairs at once: no loops over the picture, memory that grows with its square."""
    height, width = queries.shape[1:3]

    def along_diagonals(pairs: Tensor) -> Tensor:
        if size == 1:
            return pairs
        pairs = pairs.unflatten(1, (height, width))
        before, after = pairs[:, :, :-1, :-1], pairs[:, :, 1:, 1:]
        pairs = pairs + F.pad(before, (1, 0, 1, 0)) + F.pad(after, (0, 1, 0, 1))
        parts, first = [], 0
        for rows, cols in zip(grids[::2], grids[1::2], strict=True):
            step, most = cols + 1, (rows - 1) * (cols + 1)
            own = pairs[..., first : first + rows * step]
            above, below = own[:, :-1, :, :most], own[:, 1:, :, step:]
            above, below = F.pad(above, (step, 0, 0, 0, 1, 0)), F.pad(below, (0, step, 0, 0, 0, 1))
            parts.append(own + above + below)
            first = first + rows * step
        return torch.cat(parts, -1).flatten(1, 2)

    scores = along_diagonals(queries.flatten(1, 2) @ keys.mT) * gain[:, None]
    if size > 1:
        gaps = [
            F.pad(gain.new_zeros(rows, cols), (0, 1), value=-torch.inf).flatten()
            for rows, cols in zip(grids[::2], grids[1::2], strict=True)
        ]
        scores = scores + torch.cat(gaps)
    return (along_diagonals(scores.softmax(-1)) @ values).unflatten(1, (height, width))
