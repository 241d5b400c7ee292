"""Changes to a config from the command line: ``KEY=VALUE`` words with dotted keys."""

import ast
import copy
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

_WORDS = {"true": True, "false": False, "none": None, "null": None}


def parse_options(words: list[str] | None) -> dict[str, Any]:
    """Turn ``key=value`` words into options.

    A value is a Python literal, ``dict(...)`` included; ``true``, ``false``, ``none`` and
    ``null`` count as such in any case, and words in brackets need no quotes. What is nothing of
    this is text.

    Raises:
        ValueError: A word is no ``key=value``, or brackets hold what cannot be read.
    """
    options = {}
    for word in words or []:
        key, equals, text = word.partition("=")
        if not equals or not all(part.strip() for part in key.split(".")):
            raise ValueError(f"`{word}` is no option; write key=value")
        options[key] = _value(text.strip(), key)
    return options


def apply_options(config: Config, options: Mapping[str, Any]) -> None:
    """Change a config by dotted keys, as mmengine does; numbers index lists.

    Raises:
        ValueError: A key leads through something that has no parts; names the option.
    """
    for key, value in options.items():
        items = _list_of(config, key)
        if items is not None and not isinstance(value, Mapping):
            items[int(key.rpartition(".")[2])] = copy.deepcopy(value)
            continue
        try:
            config.merge_from_dict({key: copy.deepcopy(value)})
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ValueError(f"option {key}={value!r} does not fit the config: {reason}") from error


def _value(text: str, key: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        tree = ast.parse(text, mode="eval").body
        return _read(tree, inside=False)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        if text.startswith(("[", "{", "(", "dict(")):
            raise ValueError(
                f"option {key}: {text} cannot be read as a Python value; put quotes around words "
                "that are not names"
            ) from None
        return text


def _read(node: ast.expr, inside: bool) -> Any:
    """The value of an expression without anything to compute.

    Raises:
        ValueError: It is another expression.
    """
    if isinstance(node, ast.List | ast.Tuple):
        items = [_read(item, True) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {ast.literal_eval(key): _read(value, True) for key, value in pairs if key}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        named = {keyword.arg: _read(keyword.value, True) for keyword in node.keywords}
        if node.args or None in named:
            raise ValueError("only dict(key=value, ...)")
        return named
    if inside and isinstance(node, ast.Name):
        return _WORDS.get(node.id.lower(), node.id)
    return ast.literal_eval(node)


def _list_of(config: Config, key: str) -> list | None:
    """The list that a key names an item of; None where it names something else.

    Raises:
        ValueError: A part of the key, before its last, is there and can hold nothing.
    """
    node: Any = config
    parts = key.split(".")
    for depth, part in enumerate(parts):
        place = ".".join(parts[:depth])
        if isinstance(node, list | tuple):
            if not part.isdigit() or int(part) >= len(node):
                raise ValueError(
                    f"option {key}: {place} is a list of {len(node)}; number its items from 0"
                )
            if depth == len(parts) - 1:
                return node if isinstance(node, list) else None
            node = node[int(part)]
        elif depth and node is not None and not hasattr(node, "items"):
            raise ValueError(f"option {key}: {place} is {node!r} and has no parts")
        else:
            node = node.get(part) if node is not None else None
    return None
