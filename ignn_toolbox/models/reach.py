"""How far a result looks: which input pixels an output pixel of some modules depends on."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from torch import nn

_POINTWISE = (
    nn.BatchNorm2d,
    nn.Dropout,
    nn.ELU,
    nn.GELU,
    nn.Hardswish,
    nn.Identity,
    nn.LeakyReLU,
    nn.Mish,
    nn.PReLU,
    nn.ReLU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Tanh,
)


@dataclass(frozen=True)
class Hop:
    """One operation along one axis.

    Output o depends on inputs ``ceil((o * down - before) / up)`` to
    ``floor((o * down + after) / up)``, and n inputs give
    ``((n - 1) * up + before - after) // down + 1`` outputs. On a map that begins c pixels later
    the outputs begin ``c * up / down`` later.

    Attributes:
        before: See above.
        after: See above.
        up: Output pixels per input pixel.
        down: Input pixels per output pixel.
        mirrored: Further inputs on either side, which mirroring at a border reads.
    """

    before: int = 0
    after: int = 0
    up: int = 1
    down: int = 1
    mirrored: int = 0

    def needs(self, start: int, stop: int) -> tuple[int, int]:
        """The inputs that outputs ``start .. stop - 1`` depend on, as (start, stop)."""
        first = -((self.before - start * self.down) // self.up)
        last = ((stop - 1) * self.down + self.after) // self.up
        return first - self.mirrored, last + 1 + self.mirrored

    def size(self, length: int) -> int:
        """How many outputs a number of inputs gives."""
        return ((length - 1) * self.up + self.before - self.after) // self.down + 1


@dataclass(frozen=True)
class Axis:
    """Operations one after the other along one axis, the first one first."""

    hops: tuple[Hop, ...] = ()

    @functools.cached_property
    def scale(self) -> Fraction:
        """Output pixels per input pixel."""
        return math.prod((Fraction(hop.up, hop.down) for hop in self.hops), start=Fraction(1))

    @functools.cached_property
    def align(self) -> int:
        """A part of the input must start at a multiple of this, so that its outputs fall on whole
        pixels after every operation."""
        reached, align = Fraction(1), 1
        for hop in self.hops:
            reached *= Fraction(hop.up, hop.down)
            align = math.lcm(align, reached.denominator)
        return align

    def needs(self, start: int, stop: int) -> tuple[int, int]:
        """See `Hop.needs`."""
        for hop in reversed(self.hops):
            start, stop = hop.needs(start, stop)
        return start, stop

    def size(self, length: int) -> int:
        """See `Hop.size`."""
        for hop in self.hops:
            length = hop.size(length)
        return length


@dataclass(frozen=True)
class Reach:
    """What a result depends on, in both directions.

    Attributes:
        rows: Along the height.
        cols: Along the width.
        align: A part of the input must start at a multiple of this in any case.
    """

    rows: Axis = Axis()
    cols: Axis = Axis()
    align: int = 1

    @classmethod
    def of(cls, *modules: nn.Module | Reach) -> Reach:
        """Derive the reach of modules that run one after the other, the first one first.

        A module says it by a method ``reach() -> Reach``, if it is none of torch's that are known:
        convolutions, transposed ones too, pooling, pixel shuffles, upsampling, padding, pointwise
        activations and sequences of these.

        Raises:
            TypeError: A module is not known, or looks further than can be told; it is named.
        """
        reach = cls()
        for module in modules:
            reach = reach.then(module if isinstance(module, Reach) else _reach_of(module))
        return reach

    @classmethod
    def within(cls, halo: int, scale: int = 1, align: int = 1) -> Reach:
        """A reach of ``halo`` input pixels on every side, and a result ``scale`` times as large."""
        around = (Hop(halo, halo),) if halo else ()
        axis = Axis((*around, Hop(scale - 1, 0, scale)) if scale > 1 else around)
        return cls(axis, axis, align)

    def then(self, other: Reach) -> Reach:
        """The reach of this, and of ``other`` on its result."""
        align = self.align
        if other.align > 1:
            scale = self.rows.scale
            align = math.lcm(align, (other.align / scale).numerator)
        rows, cols = self.rows.hops + other.rows.hops, self.cols.hops + other.cols.hops
        return Reach(Axis(rows), Axis(cols), align)

    @property
    def halo(self) -> int:
        """Most input pixels on one side of an output's own place that it depends on."""
        found = 0
        for axis in (self.rows, self.cols):
            period = (
                64 * axis.scale.numerator
            )  # far from zero, so that rounding is everywhere alike
            for place in range(period, period + axis.scale.numerator):
                start, stop = axis.needs(place, place + 1)
                own = place / axis.scale
                found = max(found, math.ceil(own - start), stop - 1 - math.floor(own))
        return found

    @property
    def scale(self) -> Fraction:
        """Output pixels per input pixel."""
        return self.rows.scale


def _reach_of(module: nn.Module) -> Reach:
    told: Callable[[], Reach] | None = getattr(module, "reach", None)
    if callable(told):
        return told()
    if isinstance(module, nn.Sequential):
        return Reach.of(*module)
    if isinstance(module, _POINTWISE):
        return Reach()
    if isinstance(module, nn.PixelShuffle):
        return Reach.within(0, module.upscale_factor)
    axes = _axes(module)
    if axes is None:
        raise TypeError(
            f"it is not known how far a {type(module).__name__} looks: give it a method "
            "`reach()` that returns a `Reach`, such as Reach.of(self.conv1, self.conv2)"
        )
    down, across = axes
    return Reach(Axis((down,)), Axis((across,)))


def _axes(module: nn.Module) -> list[Hop] | None:
    """The hops of one of torch's modules along height and width; ``None`` if it is not known."""
    if isinstance(module, nn.ConvTranspose2d):
        _refuse(module, module.output_padding, (0, 0), "output_padding")
        return [
            Hop(d * (k - 1) - p, p, up=s)
            for k, s, p, d in zip(
                module.kernel_size,
                module.stride,
                _pair(module.padding),
                module.dilation,
                strict=True,
            )
        ]
    if isinstance(module, nn.Conv2d):
        _refuse(module, module.padding_mode == "circular", False, "padding_mode='circular'")
        padding = _conv_padding(module)
        return [
            Hop(p, d * (k - 1) - p, down=s)
            for k, s, p, d in zip(
                module.kernel_size, module.stride, padding, module.dilation, strict=True
            )
        ]
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        _refuse(module, module.ceil_mode, False, "ceil_mode")
        kernel, stride, padding, dilation = (
            _pair(value)
            for value in (
                module.kernel_size,
                module.stride,
                module.padding,
                getattr(module, "dilation", 1),
            )
        )
        return [
            Hop(p, d * (k - 1) - p, down=s)
            for k, s, p, d in zip(kernel, stride, padding, dilation, strict=True)
        ]
    if isinstance(module, nn.PixelUnshuffle):
        r = module.downscale_factor
        return [Hop(0, r - 1, down=r)] * 2
    if isinstance(module, nn.Upsample):
        return [_upsampling(module)] * 2
    if isinstance(module, nn.ZeroPad2d | nn.ReplicationPad2d | nn.ReflectionPad2d):
        left, right, top, bottom = module.padding
        mirrors = isinstance(module, nn.ReflectionPad2d)
        return [
            Hop(start, -end, mirrored=2 * max(start, end) if mirrors else abs(start - end))
            for start, end in ((top, bottom), (left, right))
        ]
    return None


def _upsampling(module: nn.Upsample) -> Hop:
    factor = module.scale_factor
    _refuse(module, module.size, None, "size")
    _refuse(module, bool(module.align_corners), False, "align_corners")
    factors = set(_pair(factor)) if factor is not None else set()
    if len(factors) != 1 or (r := int(next(iter(factors)))) != next(iter(factors)) or r < 1:
        raise TypeError(f"Upsample(scale_factor={factor}): a whole number is needed for tiles")
    if module.mode == "nearest":
        return Hop(r - 1, 0, up=r)
    taps = {"bilinear": 0, "bicubic": 1}.get(module.mode)
    if taps is None:
        raise TypeError(f"it is not known how far Upsample(mode={module.mode!r}) looks")
    return Hop(r - 1 + r // 2 + taps * r, r // 2 + taps * r, up=r)


def _conv_padding(module: nn.Conv2d) -> tuple[int, ...]:
    if module.padding == "valid":
        return (0, 0)
    if module.padding == "same":  # torch puts the larger half behind
        return tuple(
            d * (k - 1) // 2 for k, d in zip(module.kernel_size, module.dilation, strict=True)
        )
    return module.padding  # type: ignore[return-value]


def _pair(value: Any) -> tuple:
    return value if isinstance(value, tuple) else (value, value)


def _refuse(module: nn.Module, value: object, allowed: object, name: str) -> None:
    if value != allowed:
        raise TypeError(f"it is not known how far a {type(module).__name__} with {name} looks")
