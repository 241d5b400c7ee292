"""Compares a config's values with the types that a constructor's annotations ask for.

What is not annotated takes its type from the default, as far as this can be told: a word is no
value for a number or a flag. Types that only code can make (tensors, modules, functions) are not
judged; where one belongs, a config has ``dict(type=...)``.
"""

import inspect
import math
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Optional, Union, get_args, get_origin, get_type_hints, is_typeddict

from ...files import did_you_mean

_EXPECTED = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    type(None): "None",
}
_PLAIN = (bool, int, float, str)
_SEQUENCES = (list, tuple, set, Sequence, Collection, Iterable)


def parameter_types(function: Any) -> dict[str, Any]:
    """The type that each parameter takes: annotated, or told by its default; ``Any`` else."""
    try:
        hints = get_type_hints(function)
    except Exception:  # a name that only type checkers see
        hints = {}
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        default = parameter.default
        if name in hints:
            found[name] = Optional[hints[name]] if default is None else hints[name]  # noqa: UP045
        elif isinstance(default, bool):
            found[name] = bool | None
        elif isinstance(default, int | float):
            found[name] = float | Collection | None
        else:
            found[name] = Any
    return found


def misfit(value: Any, wanted: Any, place: str) -> str | None:
    """Return what is wrong with a value, beginning with its place; None where it fits.

    Args:
        value: From a config.
        wanted: A type, or what the typing module makes of types.
        place: Dotted path of the value.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return f"{place} must be a finite number, got {value}"
    if wanted in (Any, object):
        return None
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        return _misfit_of_all(value, parts, place)
    if origin is Literal:
        fits = any(value == part and type(value) is type(part) for part in parts)
        return None if fits else _say(place, wanted, value)
    if is_typeddict(wanted):
        return _misfit_of_keys(value, wanted, place)
    kind = origin or wanted
    if kind in _SEQUENCES:
        return _misfit_of_items(value, kind, parts, place)
    if kind in (dict, Mapping):
        if not isinstance(value, Mapping):
            return _say(place, wanted, value)
        items = parts[1] if len(parts) == 2 else Any
        return _first(misfit(item, items, f"{place}.{key}") for key, item in value.items())
    if kind in _EXPECTED:
        return None if _is(value, kind) else _say(place, wanted, value)
    protocol = getattr(kind, "_is_protocol", False) or kind is Callable
    if inspect.isclass(kind) and not protocol and isinstance(value, _PLAIN):
        return None if isinstance(value, kind) else _say(place, wanted, value)
    return None


def unknown(kind: str, name: Any, place: str, known: Iterable[str], hint: str = "") -> str:
    """Return that a name means nothing where it stands, with the nearest that would."""
    advice = did_you_mean(str(name), sorted(known))
    return f"unknown {kind} `{name}` in {place}; {advice}" + (f" ({hint})" if hint else "")


def _misfit_of_all(value: Any, wanted: Sequence[Any], place: str) -> str | None:
    """What the nearest of several types has against a value; None where one has nothing."""
    found = [misfit(value, each, place) for each in wanted]
    if not all(found):
        return None
    inside = [fault for fault in found if fault and not fault.startswith(f"{place} must be")]
    return inside[0] if inside else _say(place, Union[tuple(wanted)], value)  # noqa: UP007


def _misfit_of_keys(value: Any, wanted: Any, place: str) -> str | None:
    if not isinstance(value, Mapping):
        return _say(place, dict, value)
    hints = get_type_hints(wanted)
    for key in value:
        if key not in hints:
            return unknown("key", key, place, hints)
    return _first(misfit(item, hints[key], f"{place}.{key}") for key, item in value.items())


def _misfit_of_items(value: Any, kind: Any, parts: Sequence[Any], place: str) -> str | None:
    if isinstance(value, str | Mapping) or not isinstance(value, Collection):
        return _say(place, kind[parts] if parts else kind, value)
    wanted: Iterable[Any] = [parts[0] if parts else Any] * len(value)
    if kind is tuple and parts and parts[-1] is not Ellipsis:
        if len(value) != len(parts):
            return f"{place} must hold {len(parts)} values, got {value!r}"
        wanted = parts
    items = zip(value, wanted, strict=True)
    return _first(misfit(item, each, f"{place}[{n}]") for n, (item, each) in enumerate(items))


def _is(value: Any, kind: type) -> bool:
    if kind is Path:
        return isinstance(value, str | Path)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _first(faults: Iterable[str | None]) -> str | None:
    return next((fault for fault in faults if fault), None)


def _say(place: str, wanted: Any, value: Any) -> str:
    return f"{place} must be {_name(wanted)}, got {value!r}"


def _name(wanted: Any) -> str:
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_name(part) for part in parts))
    if origin is Literal:
        return " or ".join(repr(part) for part in parts)
    kind = origin or wanted
    if kind in _SEQUENCES:
        return "a list"
    if kind in (dict, Mapping) or is_typeddict(wanted):
        return "dict(...)"
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    return "dict(type=...)"
