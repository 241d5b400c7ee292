"""Whether what a results file holds is of the form that results have, value by value."""

from collections.abc import Callable, Mapping
from typing import Any

from .records import PERCEPTUAL_FIELDS, TUNING_FIELDS

_LARGEST = 1e12  # of any figure
_LARGEST_SCALE = 64
_LONGEST = 1000  # of a name, or a path
_FOLDERS = ("gt_dirs", "lq_dirs", "sr_dirs")


class FormError(ValueError):
    """A value that no results file has; the message begins with its place."""


def check_form(content: Any) -> None:
    """Raise for the first value that `write_results` would not have written.

    Raises:
        FormError: Names its place and what belongs there.
    """
    _mapping(content, "it")
    for key in ("model", "scale", "means", "info", "versions", "images"):
        if key not in content:
            raise FormError(f"it has no {key}")
    _name(content["model"], "model")
    _count(content["scale"], "scale", most=_LARGEST_SCALE)
    for index, record in enumerate(_list(content["images"], "images")):
        _fields(record, f"images[{index}]", _RECORD)
    for index, mean in enumerate(_list(content["means"], "means")):
        _fields(mean, f"means[{index}]", _MEAN)
    _texts(content["versions"], "versions")
    _mapping(content["info"], "info")
    for key in _FOLDERS:
        _texts(content["info"].get(key, {}), f"info.{key}")


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _fault(place, value, "an object")
    return value


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise _fault(place, value, "a list")
    return value


def _fields(value: Any, place: str, checks: Mapping[str, Callable[[Any, str], None]]) -> None:
    _mapping(value, place)
    for key, check in checks.items():
        if key in value:
            check(value[key], f"{place}.{key}")
        elif check is not _may_lack:
            raise FormError(f"{place} has no {key}")


def _texts(value: Any, place: str) -> None:
    for key, text in _mapping(value, place).items():
        if not isinstance(text, str) or len(text) > _LONGEST:
            raise _fault(f"{place}.{key}", text, f"a text of at most {_LONGEST} characters")


def _name(value: Any, place: str) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise _fault(place, value, f"a name of at most {_LONGEST} characters")


def _count(value: Any, place: str, most: int = 2**31) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise _fault(place, value, f"a whole number in 1..{most}")


def _number(value: Any, place: str) -> None:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not abs(value) <= _LARGEST:
        raise _fault(place, value, f"a number within {_LARGEST:g}")


def _ratio(value: Any, place: str) -> None:
    if value != "inf":  # equal pictures
        _number(value, place)


def _may_lack(value: Any, place: str) -> None:
    if value is not None:
        _number(value, place)


def _fault(place: str, value: Any, wanted: str) -> FormError:
    plain = value is None or isinstance(value, bool | int | float | str)
    shown = ascii(value)[:60] if plain else f"a {type(value).__name__}"
    return FormError(f"{ascii(place)[1:-1][:120]} is {shown}, not {wanted}")


_SHARED = {"psnr": _ratio, "ssim": _number, "seconds": _may_lack}
_SHARED |= dict.fromkeys(PERCEPTUAL_FIELDS, _may_lack)
_RECORD = {"dataset": _name, "image": _name, "protocol": _name, "height": _count, "width": _count}
_RECORD |= _SHARED | dict.fromkeys(TUNING_FIELDS, _may_lack)
_MEAN = {"dataset": _name, "protocol": _name, "images": _count, **_SHARED}
