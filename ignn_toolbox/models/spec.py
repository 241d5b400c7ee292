"""What is known of a network before it runs, what can be handed to it, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ..ops import PatchGraph

Colour = Literal["rgb", "luma", "grey", "bayer"]
Purpose = Literal["super-resolution", "denoising", "demosaicing", "artefacts", "restoration"]


@dataclass(frozen=True)
class Chop:
    """The tiles in which a method's published code tests, see `models.restorers.OfficialChop`.

    Attributes:
        shave: LR pixels that a tile reaches over the middle of what it is cut from.
        largest: LR pixels; tiles of this size or more are cut again.
        multiple_of: What ``growth`` goes by; ``None`` is the network's scale.
        growth: How a tile's side is enlarged: ``'up'`` to the next multiple, ``'beyond'`` likewise,
            but a side that is a multiple grows by one more, ``'remainder'`` by its remainder.
        half_of: The half of a side is rounded down to a multiple of it before the shave is added.
    """

    shave: int = 10
    largest: int = 160_000
    multiple_of: int | None = 1
    growth: Literal["up", "beyond", "remainder"] = "up"
    half_of: int = 1

    def side(self, length: int) -> int:
        """Side of the tiles along a side of a picture."""
        half = length // 2
        side = half - half % self.half_of + self.shave
        multiple = self.multiple_of or 1
        remainder = side % multiple
        if self.growth == "remainder":
            side += remainder
        elif remainder or self.growth == "beyond":
            side += multiple - remainder
        return min(side, length)


@dataclass(frozen=True)
class NetworkSpec:
    """What a run must know of a network beforehand.

    Attributes:
        scale: Of the result; 1 where it has the input's size.
        channels: Of input and output.
        colour: What the input's channels are. Colours are brought to it and back by
            `models.colour`, not by the network.
        outputs: Scale of every output in training, the result last; ``()`` where there is one.
        min_size: Smallest height and width of an input.
        multiple_of: Inputs are padded by reflection to multiples of it, and results cropped.
        precisions: Reduced precisions in which results stay within 0.02 of float32's.
        purpose: What it is for; ``'super-resolution'`` unless the scale is 1.
        chop: The published test procedure's tiles.
        not_exported: Which step cannot be exported and why; empty where all can.
        not_traced: Which step ends a compiled graph and why; empty where none does.
    """

    scale: int
    channels: tuple[int, int] = (3, 3)
    colour: Colour = "rgb"
    outputs: tuple[int, ...] = ()
    min_size: int = 1
    multiple_of: int = 1
    precisions: frozenset[str] = frozenset({"bfloat16"})
    purpose: Purpose | None = None
    chop: Chop = Chop()
    not_exported: str = ""
    not_traced: str = ""

    def __post_init__(self) -> None:
        if self.scale < 1:
            raise ValueError(f"a network's scale must be at least 1, got {self.scale}")
        if self.outputs and self.outputs[-1] != self.scale:
            raise ValueError(f"outputs={self.outputs} must end with the scale {self.scale}")
        wanted = 3 if self.colour in ("rgb", "bayer") else 1
        if self.channels[0] < wanted or (wanted == 1 and self.channels[0] > 2):
            raise ValueError(f"channels={self.channels} do not fit colour={self.colour!r}")
        if self.chop.multiple_of is None:
            object.__setattr__(self, "chop", replace(self.chop, multiple_of=self.scale))
        if self.purpose is None:
            told = "super-resolution" if self.scale > 1 else "restoration"
            object.__setattr__(self, "purpose", told)


@dataclass(frozen=True)
class Given:
    """Ready parts, handed to a network in place of those that it would make itself.

    Attributes:
        image_down: The searched image: the input downsampled by the graph's scale.
        graph: The patch graph.

    Examples:
        >>> import torch
        >>> from ignn_toolbox.apis import init_model
        >>> network, lq = init_model("ignn_tiny_x2").network, torch.rand(1, 3, 32, 32)
        >>> graph = network.aggregator.build_graph(lq)
        >>> torch.equal(network(lq, given=Given(graph=graph)), network(lq))
        True
    """

    image_down: Tensor | None = None
    graph: PatchGraph | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of those that are there."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) is not None)


torch.export.register_dataclass(Given)  # so that an exported program can be handed one


class Outputs(NamedTuple):
    """The results of a network that has several, in training.

    Attributes:
        sr: The result.
        earlier: The others, coarse to fine or step by step.
    """

    sr: Tensor
    earlier: tuple[Tensor, ...] = ()
