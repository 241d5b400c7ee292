"""The command line, ``ignn COMMAND``: finds the command's module, imports it alone and runs it.

A command ``x`` lives in ``ignn_toolbox/commands/x.py`` and offers ``HELP`` and ``EXAMPLES``
(texts), ``add_arguments(parser)`` and ``run(args) -> int``. The summaries stand here so that
``ignn --help`` imports none of them.
"""

import argparse
import gc
import importlib
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .errors import describe
from .files import did_you_mean
from .text import shown
from .version import __version__

COMMANDS = (
    ("demo", "restore a photograph with the shipped models and compare them"),
    ("upscale", "super-resolve pictures: files, folders, or one picture from standard input"),
    ("restore", "restore pictures at their own size: noise, JPEG artefacts, mosaics"),
    ("new", "make a project folder: a config, own modules, and their tests"),
    ("train", "train a network from a config; an interrupted run continues with --resume"),
    ("test", "score a checkpoint on the benchmark sets in one run"),
    ("evaluate", "score a folder of results of any program against ground truth"),
    ("compare", "compare results image by image, with interval, p-value, gains and losses"),
    ("table", "print the paper's tables with measured rows among the quoted ones"),
    ("report", "write a page that compares methods picture by picture, or a paper's figure"),
    ("prepare", "make LR files and training crops; examine folders of data"),
    ("inspect", "draw a patch's neighbours, feature maps, or how a picture repeats itself"),
    ("grid", "train and test the variants that one file names, and print their table"),
    ("plan", "predict the memory that a network will take, before anything runs"),
    ("models", "list the models that ship with the package"),
    ("serve", "open a page in the browser to try models on pictures"),
    ("export", "write a model as an ONNX file or as safetensors"),
    ("import", "convert a checkpoint of other code into one of this toolbox"),
    ("publish", "put a trained model into a checkout's model zoo"),
)

# `import` is a keyword, so its module carries an underscore.
_MODULES = {"import": "import_"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after ``ignn``; those of the process by default.

    Returns:
        The exit status: 0 done, 1 a user error or a command's own failure, 130 after Ctrl-C or
        SIGTERM. Wrong usage leaves through argparse with status 2.
    """
    owns_process = argv is None
    if owns_process:
        _fill_closed_streams()
    argv = list(sys.argv[1:] if argv is None else argv)
    if owns_process:
        _never_fail_to_print()
    if not argv or argv[0].startswith("-"):
        return _main_help(argv)
    name = argv[0]
    names = [command for command, _ in COMMANDS]
    if name not in names:
        hint = did_you_mean(name, names)
        print(f"ignn: error: unknown command `{name}`; {hint}", file=sys.stderr)
        return 2
    return _guarded(name, argv[1:], owns_process)


def _fill_closed_streams() -> None:
    """Keep files from taking the numbers of standard streams that a service or cron closed.

    What is said there would go into them. `sys.stdin` and `sys.stdout` stay None, which tells.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # to the process's end


def _run(name: str, words: Sequence[str], owns_process: bool) -> int:
    module = _import(f".commands.{_MODULES.get(name, name)}", owns_process)
    parser = argparse.ArgumentParser(
        prog=f"ignn {name}",
        description=module.HELP,
        epilog=module.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    return module.run(parser.parse_args(words))


def _import(name: str, owns_process: bool) -> Any:
    """A module of this package, with garbage collection off: it takes a fifth of the start.

    In a process of its own the command's modules stay to the end: they are never looked through.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name, __package__)
    finally:
        if owns_process:
            gc.freeze()
        if collects:
            gc.enable()


def _main_help(argv: Sequence[str]) -> int:
    width = max(len(name) for name, _ in COMMANDS)
    listing = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS)
    parser = argparse.ArgumentParser(
        prog="ignn",
        usage="ignn COMMAND [options]",
        description="Image super-resolution with internal priors.",
        epilog=f"commands:\n{listing}\n\n`ignn COMMAND --help` shows a command's options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ignn_toolbox {__version__}")
    parser.add_argument(
        "--completion",
        choices=("bash", "zsh", "tcsh"),
        help="print a script by which a shell completes commands, options and file names",
    )
    shell = parser.parse_args(argv).completion
    if shell is not None:
        return _print_completion(shell)
    parser.print_help()
    return 0


def _print_completion(shell: str) -> int:
    try:
        import shtab
    except ModuleNotFoundError:
        print("ignn: error: --completion needs shtab: the extra completion", file=sys.stderr)
        return 1
    parser = argparse.ArgumentParser("ignn")
    commands = parser.add_subparsers()
    for name, summary in COMMANDS:
        command = commands.add_parser(name, help=summary)
        _import(f".commands.{_MODULES.get(name, name)}", True).add_arguments(command)
        for action in command._actions:
            if action.nargs != 0 and action.choices is None and action.type not in (int, float):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, shell))
    return 0


def _guarded(name: str, words: Sequence[str], owns_process: bool) -> int:
    """Run a command; whatever it raises becomes one line and a status."""
    try:
        with _stopped_by_sigterm():
            return _run(name, words, owns_process)
    except KeyboardInterrupt:
        print(f"\nignn {name}: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`ignn models | head`): nothing is left to say to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("IGNN_DEBUG") == "1":
            raise
        # A name in it cannot pretend to be another line of ours.
        text = "\n  ".join(map(shown, describe(error).split("\n")))
        print(f"ignn {name}: error: {text}", file=sys.stderr)
        return 1


def _never_fail_to_print() -> None:
    """What the terminal's encoding lacks is escaped; what decoders say of files goes nowhere."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Our own errors name the file, Pillow's warnings do not.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM, by which torchrun and batch systems stop a process, ends it like Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
