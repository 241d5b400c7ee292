"""What a command that works through files says: notes, details, a line of JSON a picture."""

import argparse
import json
import math
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from ..text import shown
from ._progress import progress_bar


@dataclass(frozen=True)
class Voice:
    """How much a command says, and where: standard error, but JSON on standard output.

    Attributes:
        command: Its name.
        quiet: Say nothing but what went wrong.
        verbose: Say a line a picture, too.
        json: Print one object a picture.
    """

    command: str
    quiet: bool = False
    verbose: bool = False
    json: bool = False

    @classmethod
    def of(cls, args: argparse.Namespace, command: str) -> "Voice":
        """Return the voice that a user asked for."""
        return cls(command, args.quiet, args.verbose, args.json)

    def tell(self, text: str) -> None:
        """Say what the user should know."""
        if not self.quiet:
            print(f"ignn {self.command}: {shown(text)}", file=sys.stderr)

    def detail(self, text: str) -> None:
        """Say what a user who asked for more wants to know."""
        if self.verbose:
            self.tell(text)

    def result(self, text: str) -> None:
        """Say on standard output what the command is for, unless JSON is there."""
        if not self.quiet and not self.json:
            print(shown(text))

    def record(self, **fields: Any) -> None:
        """Print one object where JSON is wanted; names are kept exactly, infinity is "inf"."""
        if self.json:
            fields = {key: "inf" if value == math.inf else value for key, value in fields.items()}
            print(json.dumps(fields, allow_nan=False), flush=True)

    def progress(self, label: str) -> AbstractContextManager[Callable[[float, int], None]]:
        """Show how far the command is, see `progress_bar`."""
        return progress_bar(label, silent=self.quiet)


def add_voice(parser: argparse.ArgumentParser, json: bool = True) -> None:
    """Add the options of `Voice`.

    Args:
        parser: Of a command, or of a step of it.
        json: Whether it has something to say of every picture.
    """
    group = parser.add_argument_group("what is said")
    loud = group.add_mutually_exclusive_group()
    loud.add_argument("--quiet", action="store_true", help="only what went wrong")
    loud.add_argument("--verbose", action="store_true", help="also a line a picture")
    parser.set_defaults(json=False)
    if json:
        group.add_argument(
            "--json", action="store_true", help="one JSON object a picture on standard output"
        )
