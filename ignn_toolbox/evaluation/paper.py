"""The tables of the IGNN paper as data, to be printed among measured figures.

Every quoted figure comes from ``paper_tables.yml``, which keeps misprints as printed, with notes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .protocols import DEFAULT_PROTOCOL
from .results import Results

SOURCE = "Zhou et al., NeurIPS 2020"
SIZES = {"Set5": 5, "Set14": 14, "BSD100": 100, "Urban100": 100, "Manga109": 109}
ABLATION_SET, ABLATION_SCALE = "Urban100", 2
TITLES = {
    1: "Results on the benchmark sets (Table 1)",
    2: "Aggregation (Table 2)",
    3: "Position of GraphAgg among 32 residual blocks (Table 3)",
    4: "Search window d (Table 4)",
    5: "Neighbours k (Table 5)",
    6: "Variants of GraphAgg (Table 6)",
}


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        method: Name of the method or variant.
        scale: Upscaling factor.
        values: (PSNR, SSIM) of each column's benchmark set, ``None`` where there is no figure;
            the SSIM may be ``None`` alone.
        source: Where a quoted figure was printed; ``None`` when it was measured here.
        notes: Misprints and what else is to be known.
    """

    method: str
    scale: int
    values: tuple[tuple[float, float | None] | None, ...]
    source: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper with measured rows added.

    Attributes:
        title: What it shows.
        sets: Benchmark sets of the columns.
        rows: Quoted rows first, then measured ones, for each scale.
    """

    title: str
    sets: tuple[str, ...]
    rows: tuple[Row, ...]


def paper_table(
    number: int = 1,
    scales: Sequence[int] = (2, 3, 4),
    measured: Sequence[Results] = (),
    shipped: Sequence[Row] = (),
    labels: Mapping[str, str] | None = None,
) -> PaperTable:
    """Build a table of the paper.

    Args:
        number: 1 to 6, the paper's number.
        scales: Scales of table 1; the others have x2 alone.
        measured: Results to print among the quoted rows, those of the scales shown.
        shipped: Rows of figures that were measured before, to stand before these; of one that is
            measured again the new one is shown.
        labels: How models are called in the table, by their names, where it is otherwise.

    Raises:
        ValueError: The table or scale does not exist, or measured results of a scale shown lack
            the protocol of the quoted figures or every benchmark set of the table.
    """
    if number not in TITLES:
        raise ValueError(f"the paper has tables 1 to {len(TITLES)}, got {number}")
    data = _data()
    if number == 1:
        sets = tuple(data["table1"]["sets"])
        quoted = _benchmark_rows(data, sets)
    else:
        sets = (ABLATION_SET,)
        quoted = [_ablation_row(number, item) for item in data[f"table{number}"]]
    known = sorted({row.scale for row in quoted})
    shown = [scale for scale in known if scale in scales]
    if not shown:
        raise ValueError(f"table {number} has the scales {known}, got {list(scales)}")
    rows, labels = [], labels or {}
    again = [
        measured_row(item, sets, labels, DEFAULT_PROTOCOL, SIZES)
        for item in measured
        if item.scale in shown
    ]
    names = {row.method for row in again}
    for scale in shown:
        rows += [row for row in quoted if row.scale == scale]
        rows += [r for r in shipped if r.scale == scale and r.method not in names]
        rows += [row for row in again if row.scale == scale]
    return PaperTable(f"{TITLES[number]}, PSNR (dB) / SSIM, {DEFAULT_PROTOCOL}", sets, tuple(rows))


def _data() -> dict[str, Any]:
    path = Path(__file__).with_name("paper_tables.yml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _benchmark_rows(data: dict[str, Any], sets: tuple[str, ...]) -> list[Row]:
    """The paper's rows, those of methods that it leaves out, and a reported reproduction."""
    rows: list[Row] = []
    for item in data["table1"]["rows"] + data["absent_from_table1"]:
        values = tuple(None if value is None else tuple(value) for value in item["values"])
        notes = tuple(item[key] for key in ("slip", "note") if key in item)
        source = item.get("source", SOURCE)
        rows.append(Row(item["method"], item["scale"], values, source, notes))
    for item in data["reproduction"]:
        values = tuple((item[name], None) for name in sets)
        source = "reported by a user of the released code"
        rows.append(Row(item["method"], item["scale"], values, source))
    return rows


def _ablation_row(number: int, item: dict[str, Any]) -> Row:
    label = item.get("variant")
    if number == 3:
        label = f"after block {item['after']}"
    elif number == 4:
        label = "whole image" if item["d"] is None else f"d = {item['d']}"
    elif number == 5:
        label = f"k = {item['k']}"
    notes = tuple(item[key] for key in ("slip", "note") if key in item)
    return Row(str(label), ABLATION_SCALE, ((item["psnr"], item["ssim"]),), SOURCE, notes)


def measured_row(
    results: Results,
    sets: Sequence[str],
    labels: Mapping[str, str],
    protocol: str,
    sizes: Mapping[str, int],
) -> Row:
    """Make a row of results.

    Args:
        results: What was measured.
        sets: The table's columns.
        labels: How models are called in the table.
        protocol: Of the quoted figures.
        sizes: Number of images of the quoted sets.

    Raises:
        ValueError: The results lack the protocol, or every set.
    """
    means = {m.dataset: m for m in results.means if m.protocol == protocol}
    if not means:
        raise ValueError(
            f"{results.model} was not scored under {protocol}, the protocol of the quoted "
            "figures; score it again under that"
        )
    if not set(sets) & means.keys():
        raise ValueError(
            f"{results.model} was scored on {', '.join(means)}, none of the table's sets "
            f"({', '.join(sets)})"
        )
    found = [means.get(name) for name in sets]
    values = tuple(None if mean is None else (mean.psnr, mean.ssim) for mean in found)
    notes = tuple(
        f"{mean.dataset}: {mean.images} images of {sizes[mean.dataset]}"
        for mean in found
        if mean is not None and mean.images != sizes.get(mean.dataset, mean.images)
    )
    return Row(labels.get(results.model, results.model), results.scale, values, notes=notes)
