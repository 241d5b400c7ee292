"""How other code stores a network of ours: what its checkpoints are known and translated by.

A registered class carries the records of its checkpoints as ``foreign``; `zoo.importers` gathers
them. Names of layers are patterns, in which ``*`` stands for a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Options:
    """What a checkpoint's tensors do not tell, see `import_checkpoint`."""

    window: int | None = 30
    num_neighbors: int = 5
    window_mode: str = "official"
    adapn: bool = True
    res_scale: float | None = None
    identity_scale: float | None = None
    sampling: Literal["torch1", "torch2"] | None = None
    steps: int | None = None
    scale: int | None = None

    def told(self) -> dict[str, Any]:
        """Those that differ from the defaults."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {f.name: found[f.name] for f in fields(self) if found[f.name] != f.default}


DEFAULTS = Options()


@dataclass(frozen=True)
class Foreign:
    """Checkpoints of one code.

    Attributes:
        kind: Whose they are, such as ``"RCAN's authors"``.
        signature: Patterns of tensor names that all are in every such file. Where several kinds
            fit, the one that asks for most is meant.
        describe: Makes the network's arguments from tensors and options. The network is the class
            that carries the record, unless a ``type`` is among them. Raises a ``ValueError`` for
            files that look alike but hold something else.
        names: Makes the table of layers from tensors and options: pattern of their name to ours,
            the numbers in their order; ``None`` for tensors that are stored twice or never used.
            The pattern with most parts is meant, of these the one with fewest stars. Names that are
            not in it stay as they are.
        white: The value of white inside the network; ours is 1.
        enters: Our tensors that the picture's values are multiplied with first.
        leaves: Our tensors whose results have the picture's values.
        options: The names of `Options` that ``describe`` and ``names`` read.
        laid_out: Brings a tensor, by our name, into torch's layout.
    """

    kind: str
    signature: tuple[str, ...]
    describe: Callable[[State, Options], dict[str, Any]]
    names: Callable[[State, Options], Mapping[str, str | None]]
    white: float = 1.0
    enters: tuple[str, ...] = ("stem.weight",)
    leaves: tuple[str, ...] = ("output.weight", "output.bias", "sub_mean.bias", "add_mean.bias")
    options: tuple[str, ...] = ()
    laid_out: Callable[[str, Tensor], Tensor] | None = None

    def found(self, state: State) -> int:
        """How many names of the signature are in a file."""
        return sum(any(True for _ in matching(state, pattern)) for pattern in self.signature)

    def translated(self, state: State, options: Options = DEFAULTS) -> dict[str, Tensor]:
        """Tensors by our names, for pictures in [0, 1].

        The mean stays a step of its own before the zero-padded first convolution: in that
        convolution's bias it would be wrong at the picture's border.
        """
        renamed = self.renamed(state, options)
        made = {}
        for name, value in state.items():
            own = renamed[name]
            if own is not None:
                made[own] = self._in_range(own, value)
        # other frameworks do not count batches, of which evaluation takes no notice
        for name in [name for name in made if name.endswith(".running_var")]:
            counter = f"{name.removesuffix('running_var')}num_batches_tracked"
            made.setdefault(counter, torch.tensor(0))
        return made

    def renamed(self, state: State, options: Options = DEFAULTS) -> dict[str, str | None]:
        """Our name of every tensor; ``None`` for those that are left out."""
        table = self.names(state, options)
        most_parts_first = sorted(table, key=lambda name: (-name.count("."), name.count("*")))
        patterns = [(_compiled(name, r"(\..+)?"), table[name]) for name in most_parts_first]
        return {name: _renamed(name, patterns) for name in state}

    def _in_range(self, name: str, value: Tensor) -> Tensor:
        if self.laid_out is not None:
            value = self.laid_out(name, value)
        if name in self.enters:
            value = value * self.white
        return value / self.white if name in self.leaves else value


def matching(state: State, pattern: str) -> Iterator[re.Match[str]]:
    """The tensor names that a pattern fits; the groups are its numbers."""
    compiled = _compiled(pattern)
    return (found for name in state if (found := compiled.fullmatch(name)))


def count(state: State, pattern: str) -> int:
    """How many tensors a pattern fits: of blocks, if it names a tensor that each has once."""
    return sum(1 for _ in matching(state, pattern))


# EDSR-PyTorch's frame, in which many networks were published: a head, a body, a tail.
TAIL_STAGES = ("tail.0.0", "tail.0.2", "tail.0.4")
HEAD_AND_TAIL: dict[str, str | None] = {
    "head.0": "stem",
    "tail.1": "output",
    **{stage: f"upsampler.{number}.conv" for number, stage in enumerate(TAIL_STAGES)},
}


def upscaling(state: State, channels: int, stages: tuple[str, ...] = TAIL_STAGES) -> int:
    """Scale of an upsampler: each of its stages is a convolution to factor^2 times the channels."""
    scale = 1
    for stage in stages:
        if f"{stage}.weight" in state:
            scale *= round((state[f"{stage}.weight"].shape[0] / channels) ** 0.5)
    return scale


def _compiled(pattern: str, rest: str = "") -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", r"(\d+)") + rest)


def _renamed(name: str, patterns: list[tuple[re.Pattern[str], str | None]]) -> str | None:
    for pattern, ours in patterns:
        found = pattern.fullmatch(name)
        if found is not None:
            if ours is None:
                return None
            *numbers, rest = found.groups(default="")
            for number in numbers:
                ours = ours.replace("*", number, 1)
            return ours + rest
    return name
