"""What is measured, and what it must reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Build = Callable[[bool], Callable[[], object]]


@dataclass(frozen=True)
class Variant:
    """One of the things that a case compares.

    Attributes:
        build: Given whether to be tiny (for the warm-up), makes the call that is measured.
        pixels: LR pixels of its input, where the growth with them is a figure.
    """

    build: Build
    pixels: int = 0


@dataclass(frozen=True)
class Figure:
    """A figure of a case and what is asked of it.

    Attributes:
        kind: ``'peak'`` of the first variant in MiB, ``'time'`` of the first variant relative to
            another, ``'time by arithmetic'`` that ratio divided by the ratio of multiplications,
            ``'growth'`` of the peak in MiB per LR pixel over all variants.
        required: Largest value allowed; ``None`` asks nothing.
        aim: Value aimed at.
        against: The other variant of a time.
        arithmetic: Makes the ratio of multiplications.
        published: What the published code takes, as text.
    """

    kind: Literal["peak", "time", "time by arithmetic", "growth"]
    required: float | None = None
    aim: float | None = None
    against: str = ""
    arithmetic: Callable[[], float] | None = None
    published: str = ""


@dataclass(frozen=True)
class Case:
    """Variants that are measured in turn, each in a process of its own.

    Attributes:
        name: As given to ``--case``.
        group: ``'ops'``, ``'model'`` or ``'train'``.
        summary: One line.
        variants: The first is the toolbox's own.
        figures: What is read off.
        repeats: Measured calls of each variant.
    """

    name: str
    group: str
    summary: str
    variants: dict[str, Variant]
    figures: tuple[Figure, ...] = ()
    repeats: int = field(default=5)
