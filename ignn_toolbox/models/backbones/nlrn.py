"""NLRN.

Paper: Liu, Wen, Fan, Loy, Huang, "Non-Local Recurrent Network for Image Restoration", NeurIPS 2018.
Status: equal to the authors' first code (with correlation propagation) on its golden case; 340,099
parameters. The paper's neighbourhood of 45x45 (43x43 for noise) is no part of the network: the
authors run it on patches of that size and average these.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..foreign import Foreign, Options, State, count
from ..layers import BicubicEnlarge, zero_conv
from ..spec import Colour, Given, NetworkSpec
from ..steps import Allocate, Attention, Network, Place

_EPS = 1e-3
_MOMENTUM = 0.01
_BAND = 64  # rows whose values are made at a time


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPS, momentum=_MOMENTUM)


class Correlation(Attention):
    """Non-local attention whose products are added up over the steps.

    The sum of the products of all steps so far is the product of all their embeddings one behind
    the other. So what is handed on is not a matrix of all pairs of places, but the embeddings.

    Args:
        channels: Of the features.
        inner: Channels of an embedding.
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.theta = nn.Conv2d(channels, inner, 1)
        self.phi = nn.Conv2d(channels, inner, 1)
        self.g = nn.Conv2d(channels, channels, 1)
        zero_conv(self.g)

    def embedded(self, x: Tensor) -> Tensor:
        """Queries and keys of a step, ``(N, 2 * inner, H, W)``."""
        return torch.cat((self.theta(x), self.phi(x)), 1)

    def prepare(
        self,
        features: Tensor,
        *guides: Tensor,
        given: Given | None = None,
        allocate: Allocate | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Make keys and values of all places; see `Attention.prepare`.

        Args:
            features: The features, and the embeddings of all steps so far behind them.
            guides: None.
            given: Nothing.
            allocate: See `Attention.prepare`.
        """
        channels, device = self.g.in_channels, self.g.weight.device
        bands = [features] if allocate is None else features.split(_BAND, 2)
        made = [_sequence(self.g(part[:, :channels].to(device))) for part in bands]
        values = torch.cat(made, 2) if len(made) > 1 else made[0]
        return self._of_steps(features[:, channels:].to(device), 1), values

    def attend(self, prepared: tuple[Tensor, Tensor], features: Tensor, place: Place) -> Tensor:
        """Attend; see `Attention.attend`."""
        channels = self.g.in_channels
        queries = self._of_steps(features[:, channels:], 0)
        found = F.scaled_dot_product_attention(queries, *prepared, scale=1.0)
        size = features.shape[-2:]
        return features[:, :channels] + found[:, 0].transpose(1, 2).unflatten(2, size)

    def _of_steps(self, embedded: Tensor, half: int) -> Tensor:
        inner = self.theta.out_channels
        return _sequence(torch.cat(embedded.split(inner, 1)[half::2], 1))


def _sequence(x: Tensor) -> Tensor:
    """``(N, C, H, W)`` to ``(N, 1, H * W, C)``."""
    return x.flatten(2).transpose(1, 2)[:, None].contiguous()


def _arguments(state: State, options: Options) -> dict[str, Any]:
    enlarges = (options.scale or 1) > 1
    return {
        "scale": options.scale or 1,
        "channels": state["conv1.weight"].shape[0],
        "inner": state["rnn.nl_theta.weight"].shape[0],
        "num_steps": (count(state, "rnn.batch_normalization_*.weight") + 1) // 3,
        "colour": "luma" if enlarges else "grey",
        "white": 255.0 if enlarges else 1.0,
    }


def _names(state: State, options: Options) -> dict[str, str | None]:
    norms = count(state, "rnn.batch_normalization_*.weight") + 1
    names: dict[str, str | None] = {
        "batch_normalization": "stem.0",
        "conv1": "stem.1",
        "batch_normalization_1": "end.0",
        "conv_end": "end.2",
        "rnn.nl_theta": "correlation.theta",
        "rnn.nl_phi": "correlation.phi",
        "rnn.nl_g": "correlation.g",
        "rnn.RB1_a": "conv_a",
        "rnn.RB1_b": "conv_b",
    }
    for number in range(norms):
        theirs = f"_{number}" if number else ""
        names[f"rnn.batch_normalization{theirs}"] = f"norms.{number // 3}.{number % 3}"
    return names


@MODELS.register_module()
class NLRN(Network):
    """NLRN: one residual block with attention, again and again.

    Args:
        scale: How many times MATLAB's bicubic enlarges the input first; 1 takes pictures of their
            final size, noisy ones among them.
        channels: Feature channels.
        inner: Channels that are compared.
        num_steps: How often the block runs, T.
        propagate: Whether the products of attention are added up over the steps.
        colour: ``'grey'`` or ``'luma'``.
        white: The value of white inside. The authors' enlarging networks have 255, those against
            noise 1; their first layer's normalisation makes it no mere factor of weights.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "NLRN's authors",
            (
                "batch_normalization.weight",
                "conv1.weight",
                "rnn.nl_theta.weight",
                "conv_end.weight",
            ),
            _arguments,
            _names,
            options=("scale",),
        ),
    )

    def __init__(
        self,
        scale: int,
        channels: int = 128,
        inner: int = 64,
        num_steps: int = 12,
        propagate: bool = True,
        colour: Colour = "grey",
        white: float = 1.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if colour not in ("grey", "luma"):
            raise ValueError(f"colour must be 'grey' or 'luma', got {colour!r}")
        self.propagate = propagate
        self.white = white
        self.spec = NetworkSpec(
            scale,
            (1, 1),
            colour,
            purpose="super-resolution" if scale > 1 else "denoising",
        )
        self.enlarge = BicubicEnlarge(scale)
        self.stem = nn.Sequential(_norm(1), nn.Conv2d(1, channels, 3, padding=1))
        self.norms = nn.ModuleList(
            nn.ModuleList(_norm(channels) for _ in range(3)) for _ in range(num_steps)
        )
        self.correlation = Correlation(channels, inner)
        self.conv_a = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_b = nn.Conv2d(channels, channels, 3, padding=1)
        self.end = nn.Sequential(
            _norm(channels), nn.ReLU(inplace=True), nn.Conv2d(channels, 1, 3, padding=1)
        )

    def run(self, lq: Any, go: Any) -> Any:
        """The block, again and again; what it makes is added to the picture."""
        image = go.local(self.enlarge, lq)
        y = x = go.local(self._stem, image, through=(self.stem,))
        embedded: list[Any] = []
        for norms in self.norms:
            first, second, third = norms.children()
            x = go.local(functools.partial(_activated, first), x, through=())
            own = go.local(self.correlation.embedded, x, through=())
            embedded = [*embedded, own] if self.propagate else [own]
            joined = go.local(_joined, x, *embedded, through=())
            x = go.attend(self.correlation, joined)
            x = go.local(functools.partial(self._first, second), x, through=(self.conv_a,))
            second_half = functools.partial(self._second, third)
            x = go.local(second_half, x, y, through=(self.conv_b,))
        return go.local(self._add, image, x, through=(self.end,))

    def _stem(self, image: Tensor) -> Tensor:
        return self.stem(image * self.white)

    def _first(self, norm: nn.Module, x: Tensor) -> Tensor:
        return self.conv_a(norm(x))

    def _second(self, norm: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return self.conv_b(_activated(norm, x)) + y

    def _add(self, image: Tensor, x: Tensor) -> Tensor:
        return image + self.end(x) / self.white


def _activated(norm: nn.Module, x: Tensor) -> Tensor:
    return F.relu(norm(x), inplace=True)


def _joined(*maps: Tensor) -> Tensor:
    return torch.cat(maps, 1)
