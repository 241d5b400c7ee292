"""Tries checkpoints that want to run code, and says what became of each.

Every kind is put in three places of a file, and as a bare pickle of several protocols. Exits with 1
when a file is not refused, or when anything in it ran.

    python benchmarks/hostile_files.py --out benchmarks/results/hostile_files.csv
"""

import argparse
import builtins
import functools
import io
import operator
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from ignn_toolbox.checkpoint import CheckpointError, load_checkpoint

CANARY = "ignn_canary_was_here"
PLACES = ("meta", "state_dict", "message_hub")
PROTOCOLS = (0, 2, 4)


class Calls:
    """An object that, unpickled, calls a function."""

    def __init__(self, function: Callable, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


class Sets:
    """An object that, unpickled, sets attributes of an admitted class."""

    def __reduce__(self) -> tuple:
        return HistoryBuffer, (), {"_statistics_methods": Calls(os.system, f"touch {CANARY}")}


def nested() -> bytes:
    """A file within the file."""
    buffer = io.BytesIO()
    torch.save(Calls(os.system, f"touch {CANARY}"), buffer)
    return buffer.getvalue()


def reach(*names: str) -> Any:
    """``HistoryBuffer.<name>.<name>...`` by a chain of getattr."""
    found: Any = HistoryBuffer
    for name in names:
        found = Calls(getattr, found, name)
    return found


HOSTILE: dict[str, Callable[[], Any]] = {
    "os.system": lambda: Calls(os.system, f"touch {CANARY}"),
    "subprocess": lambda: Calls(subprocess.check_call, ["touch", CANARY]),
    "eval": lambda: Calls(eval, f"open('{CANARY}', 'w')"),
    "exec": lambda: Calls(exec, f"open('{CANARY}', 'w')"),
    "open for writing": lambda: Calls(open, CANARY, "w"),
    "import": lambda: Calls(builtins.__import__, "antigravity"),
    "getattr of __init__": lambda: reach("__init__"),
    "getattr to globals": lambda: reach("__init__", "__globals__"),
    "getattr of an instance": lambda: Calls(getattr, HistoryBuffer(), "min"),
    "attrgetter": lambda: Calls(operator.attrgetter, "__class__"),
    "partial": lambda: Calls(functools.partial, os.system, f"touch {CANARY}"),
    "nested pickle": lambda: Calls(pickle.loads, pickle.dumps(Calls(os.system, f"touch {CANARY}"))),
    "another file": lambda: Calls(torch.load, "other.pth"),
    "storage from bytes": lambda: Calls(torch.storage._load_from_bytes, nested()),
    "numpy file": lambda: Calls(np.load, "x.npy", None, True),
    "remove a folder": lambda: Calls(shutil.rmtree, "somewhere"),
    "state of an admitted class": Sets,
    "whole module": lambda: torch.nn.Linear(2, 2),
    "object array": lambda: np.array([Calls(os.system, f"touch {CANARY}")], dtype=object),
}


def write_hostile(kind: str, place: str, path: Path) -> None:
    """Write a checkpoint with a hostile object in one of its entries."""
    content = {"meta": {}, "state_dict": {"w": torch.zeros(2)}} | {place: {"x": HOSTILE[kind]()}}
    torch.save(content, path)


def files(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Write the files one after the other; yields kind, place and path."""
    path = folder / "bad.pth"
    for kind in HOSTILE:
        for place in PLACES:
            write_hostile(kind, place, path)
            yield kind, place, path
    for kind in ("os.system", "eval", "nested pickle"):
        for protocol in PROTOCOLS:
            path.write_bytes(pickle.dumps(HOSTILE[kind](), protocol))
            yield kind, f"bare pickle, protocol {protocol}", path


def main() -> int:
    from frame.table import write_table

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="CSV file")
    args = parser.parse_args()
    outcomes: dict[str, dict[str, Any]] = {}
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # where a canary would appear
        for kind, place, path in files(Path(folder)):
            row = outcomes.setdefault(kind, {"kind": kind, "files": 0, "refused": 0, "ran": 0})
            row["files"] += 1
            try:
                load_checkpoint(path)
            except CheckpointError as error:
                row["refused"] += 1
                row.setdefault("message", str(error).partition(" was refused: ")[2].split(";")[0])
            if Path(CANARY).exists():
                row["ran"] += 1
                Path(CANARY).unlink()
                print(f"{kind} in {place} ran")
        os.chdir(here)
    for row in outcomes.values():
        print(row)
    if args.out:
        write_table(args.out, list(outcomes.values()))
    return int(any(r["refused"] < r["files"] or r["ran"] for r in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
