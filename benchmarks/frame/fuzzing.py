"""The command line of every fuzz run: how many cases, which seed, where the counts go."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .table import write_table

Fuzz = Callable[[Path, int, int], list[dict[str, Any]]]


def run_fuzz(summary: str, fuzz: Fuzz, cases: int, meaning: str = "cases") -> int:
    """Fuzz in an empty folder as the command line says; print the counts.

    Args:
        summary: The program's first line.
        fuzz: Given a folder, the number of cases and a seed, returns a row a kind of damage, each
            with how often something was ``wrong``.
        cases: How many by default, the number that the kept counts are of.
        meaning: What is counted by it.

    Returns:
        The exit status: 1 where anything was wrong.
    """
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--cases", type=int, default=cases, help=f"{meaning} (default: {cases})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="CSV file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = fuzz(Path(folder).resolve(), args.cases, args.seed)
    for row in rows:
        print(row)
    if args.out:
        write_table(args.out, rows)
    return int(any(row["wrong"] for row in rows))
