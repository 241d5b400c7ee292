"""A network as a program of steps, and its plain interpreter.

A network is written once, as `Network.run`: steps on maps of the picture, taken through an
interpreter ``go``. `Whole` computes each step at once, which is the plain forward pass; `program`
records the steps for those who compute them part by part.

- ``go.local(fn, *maps)``: a place of the result depends on a neighbourhood.
- ``go.attend(module, *maps)``: a place of the result depends on the whole map (`Attention`).
- ``go.statistics(statistic, map)``: the whole map in a few numbers or a small map (`Statistic`).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..ops.patches import Region
from .checks import check_attention, check_local
from .foreign import Foreign
from .reach import Reach
from .spec import Given, NetworkSpec, Outputs

Allocate = Callable[[tuple[int, ...], torch.dtype], Tensor]


class Place(NamedTuple):
    """Where a part of a map lies.

    Attributes:
        region: The part, in pixels of the map.
        height: Of the whole map.
        width: Of the whole map.
    """

    region: Region
    height: int
    width: int

    @classmethod
    def whole(cls, x: Tensor) -> Place:
        """The place of a map that is no part."""
        height, width = x.shape[-2:]
        return cls(Region(0, 0, height, width), height, width)


class Statistic:
    """The whole map in a few numbers, or in a small map; parts can be gathered one by one."""

    def __call__(self, x: Tensor) -> Tensor:
        """The statistic of a whole ``(N, C, H, W)`` map."""
        raise NotImplementedError

    def part(self, x: Tensor, place: Place) -> Any:
        """What a part of a map contributes."""
        raise NotImplementedError

    def join(self, parts: Sequence[Any]) -> Tensor:
        """The statistic of the map that these parts cover once."""
        raise NotImplementedError


class Attention(BaseModule):
    """A module whose results depend on the whole map, in two halves.

    `prepare` makes keys, values or a graph of the whole map, `attend` the results of one region.

    Attributes:
        scales: Size of each result over that of the features.
        reach: How far around a region of the features its results depend, and where a region may
            start.
        min_size: Smallest height and width of the features.
        multiple_of: Height and width of the features are multiples of it.
        takes: Parts of `Given` that `prepare` uses.
        not_exported: Why it cannot be exported, for the spec of a network that holds it.
    """

    scales: tuple[int, ...] = (1,)
    reach: Reach = Reach()
    min_size: int = 1
    multiple_of: int = 1
    takes: tuple[str, ...] = ()
    not_exported: str = ""

    def prepare(
        self,
        features: Tensor,
        *guides: Tensor,
        given: Given | None = None,
        allocate: Allocate | None = None,
    ) -> Any:
        """Make what all regions share.

        Args:
            features: ``(N, C, H, W)`` of the whole picture. With ``allocate`` one picture, which
                may be larger than memory and lie in a file.
            guides: Further maps of the same size, such as the LR image.
            given: Ready parts.
            allocate: Makes the tensors, from shape and dtype, that grow with the picture. ``None``
                keeps all in memory, with gradients.
        """
        raise NotImplementedError

    def attend(self, prepared: Any, features: Tensor, place: Place) -> Tensor | tuple[Tensor, ...]:
        """Make the results of a region, one for each of ``scales``.

        Right but for what ``reach`` says around the region; all of it at the picture's borders.

        Args:
            prepared: From `prepare`.
            features: ``(N, C, h, w)`` of the region.
            place: Where it lies.
        """
        raise NotImplementedError

    def forward(
        self, features: Tensor, *guides: Tensor, given: Given | None = None
    ) -> Tensor | tuple[Tensor, ...]:
        """Prepare and apply to the whole map."""
        prepared = self.prepare(features, *guides, given=given)
        return self.attend(prepared, features, Place.whole(features))


class Whole:
    """The plain interpreter: each step at once, on whole maps.

    Args:
        given: Ready parts for the steps that take them.
    """

    def __init__(self, given: Given | None = None) -> None:
        self.given = given

    def local(
        self,
        fn: Callable[..., Tensor],
        *maps: Any,
        through: Sequence[nn.Module | Reach] | None = None,
        placed: bool = False,
    ) -> Any:
        """Take a local step.

        Args:
            fn: From maps of one size to a map; statistics may be among them. It changes none of
                them in place. A `Part` is taken step by step.
            maps: The maps.
            through: The modules, one after the other, that the result passes in ``fn``; by default
                ``fn`` itself, which must be a module then; ``()`` where ``fn`` is pointwise.
            placed: Whether ``fn`` gets the maps' `Place` as its keyword ``place``.
        """
        out = fn(*maps, place=Place.whole(maps[0])) if placed else fn(*maps)
        check_local(fn, out)
        return out

    def attend(self, module: Attention, *maps: Any) -> Any:
        """Take a step that sees the whole map; as many results as the module has ``scales``."""
        out = module(*maps) if self.given is None else module(*maps, given=self.given)
        check_attention(module, out, maps[0])
        return out

    def statistics(self, statistic: Statistic, x: Any) -> Any:
        """Take the statistic of a map."""
        return statistic(x)


class Part(nn.Module):
    """A part of a network that takes steps other than local ones.

    Attributes:
        run: ``run(*maps, go)`` takes them; all that is to be written.
    """

    run: Callable[..., Any]

    def forward(self, *maps: Tensor) -> Tensor:
        return self.run(*maps, go=Whole())


class Network(BaseModule):
    """A restoration network: its `spec`, and its program.

    Attributes:
        spec: What a run must know beforehand.
        foreign: How other code stores it.
        overlaps_where_unknown: Whether tiles overlap, and a warning says so, where it is not known
            how far the network looks; for others that is an error.
    """

    spec: NetworkSpec
    overlaps_where_unknown = False
    foreign: tuple[Foreign, ...] = ()

    def run(self, lq: Any, go: Any) -> Any:
        """Take the network's steps.

        Args:
            lq: ``(N, C, H, W)`` in [0, 1], of at least ``spec.min_size`` and a multiple of
                ``spec.multiple_of``.
            go: The interpreter.

        Returns:
            The result, ``spec.scale`` times as large, not clamped; in training an `Outputs` where
            the network has several.
        """
        raise NotImplementedError

    def forward(self, lq: Tensor, given: Given | None = None) -> Tensor | Outputs:
        """Restore.

        Args:
            lq: ``(N, C, H, W)`` in [0, 1], of the spec's channels.
            given: Ready parts in place of the network's own.

        Returns:
            ``(N, C', scale * H, scale * W)``, not clamped. In training an `Outputs` where the
            network has several.

        Raises:
            TypeError: A given part is taken by no step of this network.
            ValueError: The input is too small or has other channels, or the result is not what the
                spec says.
        """
        self.check(lq, given)
        return self.through(lq, Whole(given))

    def through(self, lq: Tensor, go: Whole) -> Tensor | Outputs:
        """Restore by an interpreter of whole maps; `forward` without its look at the input."""
        out = self.run(self.padded(lq), go)
        size = lq.shape[-2:]
        if isinstance(out, Outputs):
            scales = self.spec.outputs
            earlier = tuple(
                self._cropped(o, size, s) for o, s in zip(out.earlier, scales, strict=False)
            )
            return Outputs(self._cropped(out.sr, size, self.spec.scale), earlier)
        return self._cropped(out, size, self.spec.scale)

    def check(self, lq: Tensor, given: Given | None = None) -> None:
        """Refuse inputs that the network cannot take, see `forward`."""
        spec, name = self.spec, type(self).__name__
        if lq.ndim != 4 or lq.shape[1] != spec.channels[0]:
            raise ValueError(
                f"{name} takes {spec.channels[0]} channels ({spec.colour}), "
                f"as (N, {spec.channels[0]}, H, W); got {tuple(lq.shape)}"
            )
        if any(n < spec.min_size for n in lq.shape[-2:]):
            raise ValueError(
                f"a {lq.shape[-2]}x{lq.shape[-1]} image is too small for this network: it needs at "
                f"least {spec.min_size}x{spec.min_size}"
            )
        if given is not None:
            unused = set(given.parts) - self.takes
            if unused:
                raise TypeError(f"no step of this {name} takes {', '.join(sorted(unused))}")

    @functools.cached_property
    def takes(self) -> frozenset[str]:
        """The parts of `Given` that some step takes."""
        found = (m.takes for m in self.modules() if isinstance(m, Attention))
        return frozenset(itertools.chain.from_iterable(found))

    def padded(self, lq: Tensor) -> Tensor:
        """The input, by reflection enlarged at the bottom and the right to ``multiple_of``."""
        multiple = self.spec.multiple_of
        if multiple == 1:
            return lq
        bottom, right = (-n % multiple for n in lq.shape[-2:])
        if torch.compiler.is_exporting():  # for pictures of any size: nothing may be asked of it
            return _reflected(_reflected(lq, 2, multiple), 3, multiple)
        if bottom == right == 0:
            return lq
        if bottom >= lq.shape[-2] or right >= lq.shape[-1]:
            raise ValueError(
                f"a {lq.shape[-2]}x{lq.shape[-1]} image cannot be padded by reflection to a "
                f"multiple of {multiple}, which {type(self).__name__} needs"
            )
        return F.pad(lq, (0, right, 0, bottom), mode="reflect")

    def _cropped(self, out: Tensor, size: torch.Size, scale: int) -> Tensor:
        height, width = (scale * n for n in size)
        if not torch.compiler.is_compiling():
            multiple, channels = self.spec.multiple_of, self.spec.channels[1]
            made = tuple(scale * (n + -n % multiple) for n in size)
            if tuple(out.shape[1:]) != (channels, *made):
                raise ValueError(
                    f"{type(self).__name__} says that it makes {channels} channels at x{scale}, "
                    f"but made {tuple(out.shape)} of a {size[0]}x{size[1]} input"
                )
        if self.spec.multiple_of == 1:
            return out
        if torch.compiler.is_exporting():
            for dim, length in ((2, height), (3, width)):
                out = out.index_select(dim, torch.arange(length, device=out.device))
            return out
        return out[..., :height, :width]


def _reflected(x: Tensor, dim: int, multiple: int) -> Tensor:
    """One side enlarged by reflection, in a form whose size a tracer sees to be a multiple."""
    length = x.shape[dim]
    place = torch.arange((length + multiple - 1) // multiple * multiple, device=x.device)
    return x.index_select(dim, torch.minimum(place, 2 * (length - 1) - place))
