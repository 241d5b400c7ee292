"""OISR.

Paper: He, Mo, Wang, Liu, Yang, Cheng, "ODE-Inspired Network Design for Single Image
Super-Resolution", CVPR 2019. Status: blocks and OISR-RK3 equal to the authors' code on its golden
cases; OISR-RK3 41,926,793, 44,877,193 and 44,287,113 parameters at x2, x3 and x4, OISR-LF-s
1,371,963, 1,556,603 and 1,519,675.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...registry import MODELS
from ..foreign import HEAD_AND_TAIL, Foreign, Options, State, count, upscaling
from ..reach import Reach
from .base import Backbone

Scheme = Literal["rk3", "lf", "rk2"]


class _Solver(nn.Module):
    """A block that takes a step of a scheme for differential equations.

    Each function is a PReLU, a slope a channel, and a convolution; the scheme's coefficients are
    learnt.
    """

    convs: int
    scales: tuple[float, ...]
    scale1: nn.Parameter
    scale2: nn.Parameter
    scale3: nn.Parameter
    scale4: nn.Parameter
    scale5: nn.Parameter
    of_identity: tuple[int, ...]  # the coefficients without which the block is the identity

    def __init__(self, channels: int) -> None:
        super().__init__()
        for number in range(1, self.convs + 1):
            setattr(self, f"conv{number}", nn.Conv2d(channels, channels, 3, padding=1))
            setattr(self, f"relu{number}", nn.PReLU(channels))
        for number, value in enumerate(self.scales, 1):
            setattr(self, f"scale{number}", nn.Parameter(torch.tensor([value])))

    def f(self, number: int, x: Tensor) -> Tensor:
        """The function of this number."""
        return getattr(self, f"conv{number}")(getattr(self, f"relu{number}")(x))

    def reach(self) -> Reach:
        """That of all convolutions."""
        return Reach.of(*(getattr(self, f"conv{n}") for n in range(1, self.convs + 1)))

    def become_identity(self) -> None:
        """Set the coefficients of what is added to zero."""
        for number in self.of_identity:
            nn.init.zeros_(getattr(self, f"scale{number}"))


class RungeKutta3(_Solver):
    """RK3-block: a Runge-Kutta step of third order."""

    convs = 3
    scales = (0.5, 2.0, -1.0, 4.0, 1 / 6)
    of_identity = (5,)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        k1 = self.f(1, x)
        k2 = self.f(2, x + self.scale1 * k1)
        k3 = self.f(3, x + self.scale2 * k2 + self.scale3 * k1)
        return (k3 + self.scale4 * k2 + k1) * self.scale5 + x


class Leapfrog(_Solver):
    """LF-block: leapfrog steps."""

    convs = 4
    scales = (2.0, 2.0, 2.0, 2.0)
    of_identity = (2, 4)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        a = self.scale1 * self.f(1, x)
        b = x + self.scale2 * self.f(2, a)
        c = a + self.scale3 * self.f(3, b)
        return b + self.scale4 * self.f(4, c)


class RungeKutta2(_Solver):
    """RK2-block: a Runge-Kutta step of second order, of two convolutions a function."""

    convs = 4
    scales = (0.5,)
    of_identity = (1,)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        g1 = self.f(3, self.f(1, x))
        g2 = self.f(4, self.f(2, x + g1))
        return x + self.scale1 * (g1 + g2)


BLOCKS: dict[str, type[_Solver]] = {"rk3": RungeKutta3, "lf": Leapfrog, "rk2": RungeKutta2}


def _arguments(state: State, options: Options) -> dict[str, Any]:
    channels = state["head.0.weight"].shape[0]
    scheme = "rk3"
    if "body.0.conv4.weight" in state:
        scheme = "lf" if "body.0.scale4" in state else "rk2"
    return {
        "scale": upscaling(state, channels),
        "scheme": scheme,
        "channels": channels,
        "num_blocks": count(state, "body.*.conv1.weight"),
    }


@MODELS.register_module()
class OISR(Backbone):
    """OISR: EDSR's frame around blocks that solve differential equations.

    OISR-RK3 has 22 blocks of 256 channels; LF-s and RK2-s 8 of 64, LF-m and RK2-m 8 of 122.

    Args:
        scale: 2, 3 or 4.
        scheme: ``'rk3'``, ``'lf'`` or ``'rk2'``.
        channels: Feature channels C.
        num_blocks: Blocks.
        options: ``rgb_mean``, ``compact``, ``aggregator``, ``aggregate_after``, ``init_cfg``: see
            `Backbone`.
    """

    foreign = (
        Foreign(
            "OISR's authors",
            (
                "head.0.weight",
                "body.0.conv1.weight",
                "body.0.relu1.weight",
                "body.0.scale1",
                "tail.0.0.weight",
            ),
            _arguments,
            lambda state, options: {
                **HEAD_AND_TAIL,
                "body.*": "blocks.*",
                f"body.{count(state, 'body.*.conv1.weight')}": "body_end",
            },
            white=255,
        ),
    )

    def __init__(
        self,
        scale: int,
        scheme: Scheme = "rk3",
        channels: int = 256,
        num_blocks: int = 22,
        **options: Any,
    ) -> None:
        if scheme not in BLOCKS:
            raise ValueError(f"scheme must be one of {', '.join(BLOCKS)}, got {scheme!r}")
        super().__init__(lambda: BLOCKS[scheme](channels), num_blocks, scale, channels, **options)
