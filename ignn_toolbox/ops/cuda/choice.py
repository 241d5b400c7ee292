"""Whether a Triton kernel can run, or in words why not; registers the choice for CUDA devices.

Where a kernel cannot run, torch's operators compute the same. Before the first use on a device each
kernel must give there what torch's operators give, in a small trial.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .. import fold, nearest
from ..operators import implement
from ..patches import PatchGrid
from ..window import Search

_OLDEST = (7, 0)  # compute capability that Triton makes code for
_MOST_NEIGHBORS = 64  # that fit into registers
_MOST = 2**31  # of what is counted with 32 bits


def search_obstacle(queries: Tensor, keys: Tensor, how: Search) -> str | None:
    """Why the Triton kernel cannot search here; ``None`` when it can."""
    if how.num_neighbors > _MOST_NEIGHBORS:
        return f"{how.num_neighbors} neighbours do not fit into registers, {_MOST_NEIGHBORS} do"
    line = how.patch_size * queries.shape[1] * max(queries.shape[3], keys.shape[3])
    if max(line, keys.shape[2] * keys.shape[3]) >= _MOST:
        return f"keys {tuple(keys.shape)} are too many to count with 32 bits"
    return triton_obstacle(queries.device) or _failure(search_trial, queries.device)


def fold_obstacle(
    keys: Tensor, index: Tensor, grid: Sequence[int], key_grid: Sequence[int]
) -> str | None:
    """Why the Triton kernels cannot fold here, or go back; ``None`` when they can."""
    queries, searched = PatchGrid(*grid), PatchGrid(*key_grid)
    if not keys.is_floating_point():
        return f"keys are {keys.dtype}, no floating point"
    launched = [index.shape[0] * index.shape[1] * queries.height * queries.width]
    launched += [keys.shape[:3].numel(), queries.rows * index.stride(2), len(searched)]
    if max(launched) >= _MOST:
        return f"maps of {tuple(index.shape)} patches are too many to count with 32 bits"
    return triton_obstacle(keys.device) or _failure(fold_trial, keys.device)


def triton_obstacle(device: torch.device) -> str | None:
    """Why no Triton kernel runs on this device; ``None`` when nothing is known against it."""
    if device.type != "cuda":
        return f"the tensors are on {device}, no CUDA device"
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed: pip install 'ignn_toolbox[triton]'"
    if not any(shutil.which(name) for name in (os.environ.get("CC", ""), "cc", "gcc", "clang")):
        return "triton needs a C compiler, and there is none: install gcc"
    capability = torch.cuda.get_device_capability(device)
    if capability < _OLDEST:
        has, needs = (".".join(map(str, pair)) for pair in (capability, _OLDEST))
        return f"triton needs compute capability {needs}, {device} has {has}"
    return None


def search_trial(device: torch.device) -> str | None:
    """How the search by Triton differs from torch's operators on ``device``; ``None``: not at all.

    Whole numbers: distances are exact, however they are summed, and ties common.
    """
    from . import search

    queries, keys = (_whole_numbers(2, 3, n, n + 2, device=device) for n in (22, 11))
    how = Search(2, 3, 4)
    options = (2, 3, 4, "centred", 3, 2, False)
    found, expected = search.nearest(queries, keys, how), nearest._kernel(queries, keys, *options)
    same = all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    return None if same else "it found other neighbours than torch's operators"


def fold_trial(device: torch.device) -> str | None:
    """How folding by Triton, and its way back, differ from torch's operators on ``device``."""
    from .fold import fold as fold_kernel
    from .fold_backward import fold_backward

    grid, key_grid = PatchGrid(8, 8), PatchGrid(4, 4)
    shape = (1, 2, grid.rows, grid.cols)
    index = _whole_numbers(*shape, device=device).long() % len(key_grid)
    keys, queries, chosen = (
        _whole_numbers(*shape, device=device) / 4
        for shape in (
            (1, key_grid.padded_height, key_grid.padded_width, 2, 2, 3),
            (1, grid.rows, grid.cols, 3),
            (len(key_grid), 3),
        )
    )
    arguments = (keys, index, chosen, chosen + 1, queries, queries - 1)
    places = (grid.sides, key_grid.sides, [0, 0, 8, 8])
    maps = fold._kernel(*arguments, *places)
    found = (
        fold_kernel(*arguments, *places),
        *fold_backward(maps, *arguments, *places),
    )
    expected = (maps, *fold._kernel_backward(maps, *arguments, *places))
    same = all(torch.allclose(a, b, 1e-4, 1e-4) for a, b in zip(found, expected, strict=True))
    return None if same else "it gave other maps or gradients than torch's operators"


def _whole_numbers(*shape: int, device: torch.device) -> Tensor:
    count = torch.Size(shape).numel()
    return (torch.arange(count, device=device) * 7919 % 101 % 5).view(shape).float()


@functools.lru_cache(maxsize=64)
def _failure(trial: Callable[[torch.device], str | None], device: torch.device) -> str | None:
    """What a trial says, once a device; anything that is raised counts against the kernel."""
    try:
        with torch.inference_mode(False), torch.no_grad():
            found = trial(device)
    except torch.OutOfMemoryError:
        raise  # may be otherwise next time
    except Exception as error:  # what compilers and drivers raise is theirs to choose
        found = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return found and f"triton's kernel failed its trial on {device}: {found}"


@functools.lru_cache(maxsize=64)
def _say(name: str, reason: str | None) -> None:
    """Log a choice when it is made first."""
    road = "by a Triton kernel" if reason is None else f"by torch's operators: {reason}"
    logging.getLogger("ignn_toolbox").info("%s on CUDA %s", name, road)


def _nearest(queries: Tensor, keys: Tensor, *options: Any) -> tuple[Tensor, Tensor]:
    how = Search(*options)
    reason = search_obstacle(queries, keys, how)
    _say("search", reason)
    if reason is not None:
        return nearest._kernel(queries, keys, *options)
    from .search import nearest as kernel

    return kernel(queries, keys, how)


def _fold(*arguments: Any) -> Tensor:
    reason = fold_obstacle(*arguments[:2], *arguments[6:8])
    _say("fold", reason)
    if reason is not None:
        return fold._kernel(*arguments)
    from .fold import fold as kernel

    return kernel(*arguments)


def _fold_backward(grad: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    if fold_obstacle(*arguments[:2], *arguments[6:8]) is not None:
        return fold._kernel_backward(grad, *arguments)
    from .fold_backward import fold_backward as kernel

    return kernel(grad, *arguments)


implement(nearest.nearest, _nearest, "CUDA")
implement(fold.fold_neighbors, _fold, "CUDA")
implement(fold.fold_neighbors_backward, _fold_backward, "CUDA")
