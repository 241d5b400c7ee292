"""The component catalogue, the reference of commands and of functions, as Markdown."""

import argparse
import importlib
import inspect
import os
from collections.abc import Iterator
from typing import Any

import docstrings
from mmengine.registry import Registry

from ignn_toolbox import cli, registry

# Part of a module's name -> heading; the first that fits wins.
_KINDS = {
    "models.backbones": "Networks",
    "models.aggregators": "Aggregators",
    "models.embedders": "Embedders",
    "models.losses": "Losses",
    "models": "Restorer and preprocessor",
    "datasets.transforms": "Transforms",
    "datasets.degradations": "Degradations",
    "datasets": "Data sets",
    "evaluation": "Metrics",
}
_REGISTRIES = {
    "DATA_SAMPLERS": "Samplers",
    "HOOKS": "Hooks",
    "LOG_PROCESSORS": "Log processors",
    "LOOPS": "Loops",
    "OPTIM_WRAPPERS": "Optimizer wrappers",
    "OPTIMIZERS": "Optimizers",
    "VISUALIZERS": "Visualizers",
    "WEIGHT_INITIALIZERS": "Weight initialisers",
}
_HELP_WIDTH = "88"


def components() -> Iterator[tuple[str, str, Any]]:
    """Registry's name, type and class of everything registered by this package."""
    for name, found in vars(registry).items():
        if isinstance(found, Registry):
            found.import_from_location()
            for type_, component in found.module_dict.items():
                if component.__module__.startswith("ignn_toolbox."):
                    yield name, type_, component


def catalogue() -> str:
    """All components by kind, each with its text and its arguments."""
    by_kind: dict[str, list[tuple[str, str, Any]]] = {}
    for name, type_, component in components():
        by_kind.setdefault(_kind(name, component), []).append((name, type_, component))
    order = {kind: place for place, kind in enumerate((*_KINDS.values(), *_REGISTRIES.values()))}
    lines = []
    for kind in sorted(by_kind, key=lambda kind: order.get(kind, len(order))):
        names = sorted({name for name, _, _ in by_kind[kind]})
        lines += [f"## {kind}", "", f"Registry `{', '.join(names)}`.", ""]
        for _, type_, component in sorted(by_kind[kind], key=lambda item: item[1]):
            lines += [docstrings.entry(type_, component)]
    return "\n".join(lines)


def commands() -> str:
    """Every command with what it does."""
    lines = ["| command | what it does |", "|---|---|"]
    lines += [f"| [`ignn {name}`](#ignn-{name}) | {summary} |" for name, summary in cli.COMMANDS]
    return "\n".join(lines) + "\n"


def command_reference() -> str:
    """The help of every command and subcommand."""
    lines = []
    for name, _ in cli.COMMANDS:
        parser = command_parser(name)
        lines += [f"## ignn {name}", "", *_help(parser), ""]
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for word, part in action.choices.items():
                    lines += [f"### ignn {name} {word}", "", *_help(part), ""]
    return "\n".join(lines) + "\n"


def command_parser(name: str) -> argparse.ArgumentParser:
    """The parser of one command, as the command line makes it."""
    module = importlib.import_module(f"ignn_toolbox.commands.{cli._MODULES.get(name, name)}")
    parser = argparse.ArgumentParser(
        prog=f"ignn {name}",
        description=module.HELP,
        epilog=module.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    return parser


def functions(module: str) -> str:
    """Every public name of a module, from its ``__all__``."""
    found = importlib.import_module(module)
    parts = []
    for name in found.__all__:
        member = getattr(found, name)
        if inspect.isclass(member) or inspect.isfunction(member):
            parts.append(docstrings.entry(name, member))
    return "\n".join(parts)


def _kind(name: str, component: Any) -> str:
    if name in _REGISTRIES:
        return _REGISTRIES[name]
    module = component.__module__.removeprefix("ignn_toolbox.")
    return next((kind for part, kind in _KINDS.items() if module.startswith(part)), name)


def _help(parser: argparse.ArgumentParser) -> list[str]:
    former = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _HELP_WIDTH
    try:
        return ["```text", parser.format_help().rstrip(), "```"]
    finally:
        if former is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = former
