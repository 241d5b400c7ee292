"""Convolutions between the sizes of input and output, which back-projecting networks share."""

from __future__ import annotations

from torch import nn

_SHAPES = {2: (6, 2, 2), 3: (7, 3, 2), 4: (8, 4, 2), 8: (12, 8, 2)}  # kernel, stride, padding


def activated(layer: nn.Module, slope: float) -> nn.Sequential:
    """A layer and a PReLU of one slope."""
    return nn.Sequential(layer, nn.PReLU(init=slope))


def enlarging(channels: int, scale: int, slope: float) -> nn.Sequential:
    """A transposed convolution to ``scale`` times the size."""
    kernel, stride, padding = _SHAPES[scale]
    return activated(nn.ConvTranspose2d(channels, channels, kernel, stride, padding), slope)


def reducing(channels: int, scale: int, slope: float) -> nn.Sequential:
    """A convolution from ``scale`` times the size."""
    kernel, stride, padding = _SHAPES[scale]
    return activated(nn.Conv2d(channels, channels, kernel, stride, padding), slope)


def initialise(network: nn.Module) -> None:
    """Kaiming-normal weights by the number of inputs, biases zero."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def scale_of(kernel: int) -> int:
    """The scale whose projections have a kernel of this size."""
    return next(scale for scale, shape in _SHAPES.items() if shape[0] == kernel)


def check_scale(name: str, scale: int, known: tuple[int, ...]) -> None:
    """Refuse a scale that a network has not."""
    if scale not in known:
        told = ", ".join(map(str, known[:-1]))
        raise ValueError(f"{name} knows the scales {told} and {known[-1]}, got {scale}")
