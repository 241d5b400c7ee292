"""Says which entry of a config an error came from, when a component could not be made of it."""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmengine.config import Config

from ...errors import frames, says_it_all

# Functions of mmengine and of our runner that build from a config, and the name they have for it.
_BUILDERS = {
    "build_from_cfg": "cfg",
    "build_dataloader": "dataloader",
    "build_optim_wrapper": "optim_wrapper",
}
_LACKS = re.compile(r"\S*__init__\(\) missing \d+ required [\w-]+ arguments?: (.+)")


@contextmanager
def named_places(config: Mapping[str, Any] | Config) -> Iterator[None]:
    """Let an error that a component's constructor raises begin with the component's dotted path.

    Args:
        config: What is built from inside.
    """
    try:
        yield
    except Exception as error:
        nodes = _built(error)
        place, node = _place(config, nodes)
        if not place:
            raise
        if "type" not in nodes[-1] and isinstance(error, KeyError):
            raise ValueError(f"{place} has no `type`") from error
        lacks = _LACKS.fullmatch(str(error)) if isinstance(error, TypeError) else None
        if lacks:
            raise ValueError(f"{place} ({node.get('type')}) needs {lacks[1]}") from error
        lines = frames(error)
        mutable = len(error.args) == 1 and isinstance(error.args[0], str)
        if mutable and (says_it_all(error, lines) or any(line.is_users for line in lines)):
            error.args = (f"{place}: {error.args[0]}",)
            raise
        kind = type(error) if isinstance(error, OSError) else ValueError
        raise kind(f"{place}: {_words(error)}") from error


def _words(error: Exception) -> str:
    """What an error says, without lines of code: the config's place is the one to look at."""
    first = (str(error).splitlines() or [""])[0]
    if isinstance(error, ValueError | TypeError) and first:
        return first
    return f"{type(error).__name__}: {first}".rstrip(": ")


def _built(error: BaseException) -> list[Mapping[str, Any]]:
    """The configs of the components that were being built, from the outermost in."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        node = frame.f_locals.get(_BUILDERS.get(frame.f_code.co_name, ""))
        if isinstance(node, Mapping):
            found.append(node)
        trace = trace.tb_next
    return found


def _place(config: Any, nodes: list[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
    """The innermost node that a config holds, and its dotted path there; "" for none.

    A node is looked for inside the one before first: two places may hold the same.
    """
    place, inside = "", config
    for node in nodes:
        for start, root in ((place, inside), ("", config)):
            found = max(_mappings(root, start), key=lambda f: _likeness(f[1], node), default=None)
            if found is not None and _likeness(found[1], node) > 0:
                place, inside = found
                break
    return place, inside


def _likeness(candidate: Mapping[str, Any], node: Mapping[str, Any]) -> float:
    """How much of a node is this part of the config: a builder may have put something to it."""
    if candidate is node:
        return math.inf
    if candidate.get("type") != node.get("type"):
        return 0
    agrees = all(key in node and node[key] == value for key, value in candidate.items())
    return len(candidate) if agrees else 0


def _mappings(node: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(node, Mapping | Config):
        if place:
            yield place, node
        for key, value in node.items():
            yield from _mappings(value, f"{place}.{key}" if place else str(key))
    elif isinstance(node, list | tuple):
        for index, item in enumerate(node):
            yield from _mappings(item, f"{place}[{index}]")
