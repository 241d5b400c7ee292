"""How much memory a network will take, before anything runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from .dry_run import Convolution, DryRun, fake_tensors, stages

# Training steps were measured to take up to 19 % more than their dry run, for a reason unknown.
_UNEXPLAINED = 1.15


def plan_memory(
    network: nn.Module,
    height: int,
    width: int,
    train: bool = False,
    batch: int = 1,
    memory_format: torch.memory_format = torch.contiguous_format,
) -> list[tuple[str, int]]:
    """Predict the memory that a network takes beside its parameters, on the CPU in float32.

    The network runs dry, on tensors without values. With ``train`` these are two training steps,
    forward and backward pass of an L1 loss and Adam's update: in the second Adam's moments exist.

    Args:
        network: A backbone, in train or eval mode, with parameters on the CPU.
        height: Height of the LR image in pixels.
        width: Its width.
        train: Whether to plan a training step rather than inference.
        batch: Number of images.
        memory_format: Of the input; give the parameters' own.

    Returns:
        Name of every stage and the most bytes that the process holds during it (`heap.Heap`), in
        the order of first entry. The largest is what the whole needs.

    Raises:
        ValueError: The image is too small for the network.
    """
    run = DryRun()
    shape = (batch, 3, height, width)
    with fake_tensors(), stages(network, run), torch.set_grad_enabled(train):
        image = torch.empty(shape).contiguous(memory_format=memory_format)
        with run:
            _train(network, image, run, steps=2) if train else network(image)
    factor = _UNEXPLAINED if train else 1
    return [(name, int(factor * peak)) for name, peak in run.peaks.items()]


def list_convolutions(
    network: nn.Module, shape: tuple[int, int, int, int], train: bool = False
) -> list[Convolution]:
    """All convolutions of one call of a network on ``(N, 3, H, W)`` images; of a step if ``train``.

    They are those of the plain arithmetic: nothing is computed twice to save memory.
    """
    run = DryRun()
    with (
        fake_tensors(),
        stages(network, run),
        keeping_everything(network),
        torch.set_grad_enabled(train),
    ):
        image = torch.empty(shape)
        with run:
            _train(network, image, run, steps=1) if train else network(image)
    return run.convolutions


@contextlib.contextmanager
def keeping_everything(network: nn.Module) -> Iterator[None]:
    """Set ``memory='fast'`` on all parts that have the setting, for a while."""
    having: list[Any] = [part for part in network.modules() if hasattr(part, "memory")]
    parts = [(part, part.memory) for part in having]
    try:
        for part, _ in parts:
            part.memory = "fast"
        yield
    finally:
        for part, setting in parts:
            part.memory = setting


def _train(network: nn.Module, image: torch.Tensor, run: DryRun, steps: int) -> None:
    parameters = [p for p in network.parameters() if p.requires_grad]
    gradients: list[torch.Tensor] = []
    moments: list[torch.Tensor] = []
    for _ in range(steps):
        run.stage = "network"
        gradients.clear()
        sr = network(image)
        run.stage = "loss"
        loss = (sr - torch.zeros_like(sr)).abs().mean()
        del sr
        run.stage = "backward"
        gradients += torch.autograd.grad(loss, parameters, allow_unused=True)
        del loss
        run.stage = "optimizer"
        for parameter in parameters:  # Adam updates one after the other
            if len(moments) < 2 * len(parameters):
                moments += [torch.zeros_like(parameter), torch.zeros_like(parameter)]
            size = parameter.numel() * parameter.element_size()
            run.note([size, size])
