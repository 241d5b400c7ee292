"""Where in a file of other code the network's tensors are, whatever they are wrapped in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..checkpoint import CheckpointError
from ..weights import bare_name

_DEEPEST = 3  # dictionaries in dictionaries
_LONGEST = 200  # of a name in a message
_MOST = 16  # places that are looked at
# Wrappers by name, the one that is meant first: an average of the weights before the weights.
_WRAPPERS = (
    "params_ema",
    "ema",
    "params",
    "state_dict",
    "model_state_dict",
    "net_state_dict",
    "net_g",
    "model",
)


@dataclass(frozen=True)
class Tensors:
    """Some of a file's tensors.

    Attributes:
        place: The dictionary that holds them, as ``state_dict.generator``; empty for the file.
        prefix: What their names begin with in the file, if it is left out here.
        state: The tensors by name.
    """

    place: str
    prefix: str
    state: dict[str, Tensor]

    def __str__(self) -> str:
        place = f"its `{ascii(self.place)[1:-1][:_LONGEST]}`" if self.place else "it"
        prefix = (
            f" (without the prefix `{ascii(self.prefix)[1:-1][:_LONGEST]}`)" if self.prefix else ""
        )
        return place + prefix


def tensors_in(content: Mapping[str, Any], path: str) -> list[Tensors]:
    """Return the dictionaries of tensors in a file, likely ones first, then what they group.

    Prefixes that a wrapper of the network leaves, ``module.`` and ``_orig_mod.``, are taken off.
    Networks that share a dictionary, as ``generator.`` and ``discriminator.``, are told apart by
    the first word of their names.

    Args:
        content: What `load_checkpoint` returned.
        path: The file's name, for the message.

    Raises:
        CheckpointError: A tensor is there twice, with and without a prefix.
    """
    whole = [_without_wrapper(place, state, path) for place, state in _dictionaries(content)]
    groups = [group for tensors in whole for group in _groups(tensors, path)]
    return [*whole, *groups][:_MOST]


def _dictionaries(
    content: Mapping[str, Any], place: str = "", depth: int = 0
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    state = {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if state:
        yield place, state
    inner = [k for k, v in content.items() if isinstance(k, str) and isinstance(v, Mapping)]
    rank = {name: number for number, name in enumerate(_WRAPPERS)}
    for key in sorted(inner, key=lambda key: rank.get(key, len(rank)))[:_MOST]:
        if depth < _DEEPEST:
            yield from _dictionaries(content[key], f"{place}.{key}".lstrip("."), depth + 1)


def _without_wrapper(place: str, state: dict[str, Tensor], path: str, prefix: str = "") -> Tensors:
    bare: dict[str, Tensor] = {}
    for name, value in state.items():
        own = bare_name(name)
        if own in bare:
            raise CheckpointError(
                f"{path} holds {ascii(own)[1:-1][:_LONGEST]} twice, with and without prefix"
            )
        bare[own] = value
    first = next(iter(state))
    own = bare_name(first)
    taken = first.removesuffix(own) if first.endswith(own) else ""
    return Tensors(place, prefix + taken, bare)


def _groups(tensors: Tensors, path: str) -> Iterator[Tensors]:
    groups: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.state.items():
        first, dot, rest = name.partition(".")
        if dot:
            groups.setdefault(first, {})[rest] = value
    for first, state in list(groups.items())[:_MOST]:
        yield _without_wrapper(tensors.place, state, path, f"{tensors.prefix}{first}.")
