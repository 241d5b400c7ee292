"""The floor: a module's convolutions alone, on the same shapes, in their fastest memory layout."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ignn_toolbox.restore.dry_run import Convolution


def replay(convolutions: Iterable[Convolution]) -> Callable[[], None]:
    """Prepare a call that does these convolutions, one after the other, on random numbers.

    Inputs and weights are made beforehand and shared between calls of one shape. Each convolution
    is tried in both memory layouts and uses the faster.
    """
    calls: dict[Convolution, Callable[[], object]] = {}
    steps = []
    inputs: dict[tuple, Tensor] = {}
    for convolution in convolutions:
        key = Convolution("", *_without_stage(convolution))
        if key not in calls:
            calls[key] = _faster(key, inputs)
        steps.append(calls[key])

    def run() -> None:
        for step in steps:
            step()

    return run


def _without_stage(convolution: Convolution) -> tuple:
    return (
        convolution.backward,
        convolution.input,
        convolution.weight,
        convolution.output,
        convolution.options,
    )


def _faster(convolution: Convolution, inputs: dict[tuple, Tensor]) -> Callable[[], object]:
    best, least = None, float("inf")
    for layout in (torch.contiguous_format, torch.channels_last):
        call = _prepare(convolution, layout, inputs)
        call()
        started = time.process_time()
        call()
        seconds = time.process_time() - started
        if seconds < least:
            best, least = call, seconds
    assert best is not None
    return best


def _prepare(
    convolution: Convolution, layout: torch.memory_format, inputs: dict[tuple, Tensor]
) -> Callable[[], object]:
    def tensor(shape: tuple[int, ...]) -> Tensor:
        if (shape, layout) not in inputs:
            inputs[shape, layout] = torch.randn(shape).contiguous(memory_format=layout)
        return inputs[shape, layout]

    image, weight = tensor(convolution.input), tensor(convolution.weight)
    if convolution.backward:
        grad = tensor(convolution.output)
        return lambda: torch.ops.aten.convolution_backward(
            grad, image, weight, *convolution.options
        )
    shape, *rest = convolution.options
    bias = None if shape is None else torch.randn(shape)

    def forward() -> Tensor:
        with torch.no_grad():
            return torch.convolution(image, weight, bias, *rest)

    return forward
