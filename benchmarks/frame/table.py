"""Figures of a case, and the CSV files that keep them."""

from __future__ import annotations

import csv
import datetime
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ignn_toolbox.files import write_whole
from ignn_toolbox.version import __version__

from .cases import Figure
from .run import CaseResult

RESULTS = Path(__file__).resolve().parents[1] / "results"
_MIB = 2**20


@dataclass(frozen=True)
class Row:
    """One figure as measured.

    Attributes:
        text: What it is.
        value: By wall time, or the only one there is.
        by_cpu: By processor time.
        figure: What is asked of it.
    """

    text: str
    value: float | None
    by_cpu: float | None
    figure: Figure

    @property
    def met(self) -> bool | None:
        """Whether the required value is reached, by either clock; ``None`` where none is asked.

        On a machine that does other work too, wall time alone says little.
        """
        if self.figure.required is None or self.value is None:
            return None
        return max(self.value, self.by_cpu or 0) <= self.figure.required


def figures(result: CaseResult) -> list[Row]:
    """All figures of a case."""
    return [_figure(result, figure) for figure in result.case.figures]


def _figure(result: CaseResult, figure: Figure) -> Row:
    own = next(iter(result.case.variants))
    if figure.kind == "peak":
        peak = result.peak(own)
        return Row("peak, MiB", None if peak is None else peak / _MIB, None, figure)
    if figure.kind == "growth":
        return Row("peak per LR pixel, MiB", _growth(result), None, figure)
    ratio = result.wall(own) / result.wall(figure.against)
    by_cpu = result.cpu(own) / result.cpu(figure.against)
    text = f"time / {figure.against}"
    if figure.arithmetic is not None:
        arithmetic = figure.arithmetic()
        text += f" / ratio by arithmetic ({arithmetic:.2f})"
        ratio, by_cpu = ratio / arithmetic, by_cpu / arithmetic
    return Row(text, ratio, by_cpu, figure)


def _growth(result: CaseResult) -> float | None:
    pixels = [variant.pixels for variant in result.case.variants.values()]
    peaks = [result.peak(name) for name in result.case.variants]
    if any(peak is None for peak in peaks):
        return None
    return float(np.polyfit(pixels, np.array(peaks, dtype=float) / _MIB, 1)[0])


def machine() -> dict[str, str]:
    """What the figures depend on: date, processor, threads, versions, load."""
    cuda = torch.cuda.is_available()
    return {
        "date": datetime.date.today().isoformat(),
        "device": torch.cuda.get_device_name() if cuda else platform.machine(),
        "machine": _processor(),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "toolbox": __version__,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def write_table(path: Path, rows: Sequence[dict[str, Any]], key: Sequence[str] = ()) -> None:
    """Write rows as CSV, with the machine in each; their own columns win over the machine's.

    With ``key`` the file's rows that differ from all of these in one of the named columns stay.
    """
    new = [row | {k: v for k, v in machine().items() if k not in row} for row in rows]
    kept: list[dict[str, Any]] = []
    if key and path.exists():
        taken = {tuple(str(row[name]) for name in key) for row in new}
        with path.open(newline="", encoding="utf-8") as file:
            kept = [r for r in csv.DictReader(file) if tuple(r[name] for name in key) not in taken]
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        columns = list(new[0])
        writer = csv.DictWriter(
            file, columns, restval="", extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows([*kept, *new])


def write_results(folder: Path, result: CaseResult, threads: int) -> tuple[Path, Path]:
    """Keep a case in ``folder``: its earlier rows are replaced, other cases' rows stay.

    Returns:
        The files of measurements and of figures.
    """
    case = result.case
    measured = [
        {
            "case": case.name,
            "variant": name,
            "seconds": f"{result.wall(name):.4f}",
            "cpu_seconds": f"{result.cpu(name):.4f}",
            "peak_mib": "" if result.peak(name) is None else f"{result.peak(name) / _MIB:.1f}",
            "repeats": len(result.measurements[name]),
            "threads": threads,
        }
        for name in case.variants
    ]
    read_off = [
        {
            "case": case.name,
            "figure": row.text,
            "measured": _number(row.value),
            "by_cpu_time": _number(row.by_cpu),
            "required": _number(row.figure.required),
            "aim": _number(row.figure.aim),
            "published_code": row.figure.published,
            "threads": threads,
        }
        for row in figures(result)
    ]
    paths = folder / f"{case.group}.csv", folder / f"{case.group}_figures.csv"
    write_table(paths[0], measured, key=["case"])
    if read_off:
        write_table(paths[1], read_off, key=["case"])
    return paths


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
