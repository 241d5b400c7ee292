"""The published tables of restoration at scale 1, to be printed among measured figures.

Every quoted figure comes from ``task_tables.yml``. A column is a set at a level: ``Kodak24_n30``
for noise of a deviation of 30, ``Classic5_q10`` for a JPEG quality of 10.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from .paper import PaperTable, Row, measured_row
from .results import Results

SIZES = {
    "BSD68": 68,
    "CBSD68": 68,
    "Classic5": 5,
    "Kodak24": 24,
    "LIVE1": 29,
    "McMaster18": 18,
    "Urban100": 100,
}
TITLES = {
    "denoising": "Colour denoising",
    "grey-denoising": "Grey denoising",
    "demosaicing": "Demosaicing",
    "artefacts": "JPEG artefacts of luma",
}


def task_table(
    task: str,
    measured: Sequence[Results] = (),
    labels: Mapping[str, str] | None = None,
    *,
    narrow: bool = False,
) -> PaperTable:
    """Build the published table of a task, with measured rows below the quoted ones.

    Args:
        task: A key of `TITLES`.
        measured: Results to print; sets that the papers lack become further columns.
        labels: How models are called in the table, by their names, where it is otherwise.
        narrow: Leave out the columns on which nothing was measured.

    Raises:
        ValueError: There is no such task, or results were not scored under its protocol, or are of
            a network that enlarges.
    """
    if task not in TITLES:
        raise ValueError(f"task must be one of {', '.join(TITLES)}, got {task!r}")
    data = _data()[task]
    quoted = _columns(data)
    scored = dict.fromkeys(
        mean.dataset
        for item in measured
        for mean in item.means
        if mean.protocol == data["protocol"]
    )
    columns = [name for name in quoted if not narrow or name in scored]
    columns += [name for name in scored if name not in quoted]
    rows = [_quoted_row(item, quoted, columns, data["source"]) for item in data["rows"]]
    sizes = {name: SIZES[name.split("_")[0]] for name in quoted}
    for item in measured:
        if item.scale != 1:
            raise ValueError(f"{item.model} is x{item.scale}; pictures of {task} keep their size")
        rows.append(measured_row(item, columns, labels or {}, data["protocol"], sizes))
    title = f"{TITLES[task]}, PSNR (dB) / SSIM, {data['protocol']}"
    shown = [row for row in rows if any(row.values)]
    return PaperTable(title, tuple(columns), tuple(shown))


def task_of(results: Results) -> str | None:
    """Return the task that results belong to: by protocol and names of sets, if any."""
    if results.scale != 1:
        return None
    scored = {(mean.dataset, mean.protocol) for mean in results.means}
    for task, data in _data().items():
        levels = {name.partition("_")[2][:1] for name in _columns(data)}
        for dataset, protocol in scored:
            if protocol == data["protocol"] and dataset.partition("_")[2][:1] in levels:
                return task
    return None


def _data() -> dict[str, Any]:
    path = Path(__file__).with_name("task_tables.yml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _columns(data: Mapping[str, Any]) -> list[str]:
    levels = data.get("levels")
    if levels is None:
        return list(data["sets"])
    return [f"{name}_{level}" for name in data["sets"] for level in levels]


def _quoted_row(
    item: Mapping[str, Any], quoted: Sequence[str], columns: Sequence[str], source: str
) -> Row:
    values = dict(zip(quoted, map(_figures, item["values"]), strict=True))
    notes = (item["note"],) if "note" in item else ()
    return Row(item["method"], 1, tuple(values.get(name) for name in columns), source, notes)


def _figures(value: float | list[float] | None) -> tuple[float, float | None] | None:
    if value is None:
        return None
    return (value[0], value[1]) if isinstance(value, list) else (value, None)
