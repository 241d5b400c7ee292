"""The table of a grid: the paper's figure, ours, and what can be told of the difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .paper import ABLATION_SCALE, ABLATION_SET, paper_table
from .protocols import DEFAULT_PROTOCOL
from .results import Results
from .statistics import bootstrap_interval
from .table_format import NONE, bar, comma_separated_rows, latex_table

COLUMNS = (
    "Variant",
    "Set",
    "Paper",
    "Ours",
    "Ours - paper",
    "Gain over baseline",
    "95 % interval",
    "Paper's gain",
    "Seeds",
    "Range over seeds",
    "Gains of seeds",
)


@dataclass(frozen=True)
class GridRow:
    """One variant on one benchmark set; PSNR in dB, None where there is no figure.

    Attributes:
        label: Name of the variant.
        dataset: Name of the set.
        paper: The paper's PSNR.
        ours: Mean over images and seeds.
        gain: Mean difference to our baseline, over the seeds that both have finished.
        interval: Paired bootstrap interval of the gain over images, 95 %, each averaged over those
            seeds first.
        paper_gain: The same difference in the paper.
        seeds: How many seeds are finished.
        spread: Lowest and highest mean of a seed.
        gain_spread: Lowest and highest gain of a seed.
    """

    label: str
    dataset: str
    paper: float | None
    ours: float | None
    gain: float | None
    interval: tuple[float, float] | None
    paper_gain: float | None
    seeds: int
    spread: tuple[float, float] | None
    gain_spread: tuple[float, float] | None

    @property
    def cells(self) -> list[str]:
        """As printed, in the order of ``COLUMNS``."""
        difference = None if self.ours is None or self.paper is None else self.ours - self.paper
        return [
            self.label,
            self.dataset,
            _text(self.paper, ".2f"),
            _text(self.ours, ".3f"),
            _text(difference, "+.2f"),
            _text(self.gain, "+.3f"),
            _span(self.interval, "+.3f"),
            _text(self.paper_gain, "+.2f"),
            str(self.seeds),
            _span(self.spread, ".3f"),
            _span(self.gain_spread, "+.3f"),
        ]


def grid_rows(
    labels: Sequence[str],
    sets: Sequence[str],
    results: Mapping[str, Mapping[int, Results]],
    baseline: str,
    paper: Mapping[str, float] | None = None,
) -> list[GridRow]:
    """Rows of a grid's table, set by set; variants without results have empty cells.

    Args:
        labels: All variants.
        sets: Benchmark sets.
        results: Finished results of each variant, by seed.
        baseline: The variant that others are compared with.
        paper: The paper's PSNR on Urban100 x2, by variant.
    """
    paper = paper or {}
    rows = []
    for dataset in sets:
        images = {label: _per_image(results.get(label, {}), dataset) for label in labels}
        quoted = paper if dataset == ABLATION_SET else {}
        for label in labels:
            own = images[label]
            means = [float(np.mean(list(seed.values()))) for seed in own.values()]
            gains = paper_gain = None
            if label != baseline:
                gains = _paired(own, images[baseline])
                if label in quoted and baseline in quoted:
                    paper_gain = quoted[label] - quoted[baseline]
            rows.append(
                GridRow(
                    label,
                    dataset,
                    quoted.get(label),
                    float(np.mean(means)) if means else None,
                    None if gains is None else float(gains.mean()),
                    None if gains is None else bootstrap_interval(gains.mean(0)),
                    paper_gain,
                    len(means),
                    _range(means),
                    None if gains is None else _range([float(gain) for gain in gains.mean(1)]),
                )
            )
    return rows


def quoted_figures(
    labels: Sequence[str], table: int, renamed: Mapping[str, str]
) -> dict[str, float]:
    """The paper's PSNR on Urban100 x2 for the labels that one of its tables has.

    Args:
        labels: The grid's variants.
        table: Number of the paper's table.
        renamed: The table's name of a label, where it is another.

    Raises:
        ValueError: There is no such table, or a name in ``renamed`` is none of its rows.
    """
    content = paper_table(table, (ABLATION_SCALE,))
    place = content.sets.index(ABLATION_SET)
    known = {row.method: row.values[place] for row in content.rows}
    wrong = [name for name in renamed.values() if name not in known]
    if wrong:
        raise ValueError(f"the paper's table {table} has no row {wrong[0]!r}: {', '.join(known)}")
    found = {label: known.get(renamed.get(label, label)) for label in labels}
    return {label: value[0] for label, value in found.items() if value is not None}


def markdown(title: str, rows: Sequence[GridRow]) -> str:
    """A Markdown table."""
    lines = [f"{title}.", "", bar(COLUMNS), bar(["---"] * len(COLUMNS))]
    return "\n".join(lines + [bar(row.cells) for row in rows]) + "\n"


def latex(title: str, rows: Sequence[GridRow]) -> str:
    """A LaTeX table for booktabs."""
    return latex_table(title, COLUMNS, [row.cells for row in rows])


def comma_separated(title: str, rows: Sequence[GridRow]) -> str:
    """CSV; figures are not rounded."""
    header = [
        *("variant", "set", "paper", "ours", "gain", "gain low", "gain high", "paper gain"),
        *("seeds", "lowest seed", "highest seed", "lowest gain", "highest gain"),
    ]
    lines = [
        [
            *(row.label, row.dataset, row.paper, row.ours, row.gain),
            *(row.interval or (None, None)),
            row.paper_gain,
            row.seeds,
            *(row.spread or (None, None)),
            *(row.gain_spread or (None, None)),
        ]
        for row in rows
    ]
    return comma_separated_rows(header, lines)


FORMATS = {"md": markdown, "tex": latex, "csv": comma_separated}


def title_of(name: str, baseline: str) -> str:
    """What a grid's table shows."""
    return f"{name}: PSNR (dB), {DEFAULT_PROTOCOL}; gains over {baseline}"


def _per_image(results: Mapping[int, Results], dataset: str) -> dict[int, dict[str, float]]:
    """PSNR by image for each seed that was tested on a set."""
    seeds = {
        seed: {
            record["image"]: record["psnr"]
            for record in item.records
            if record["dataset"] == dataset and record["protocol"] == DEFAULT_PROTOCOL
        }
        for seed, item in results.items()
    }
    return {seed: images for seed, images in seeds.items() if images}


def _paired(
    own: Mapping[int, Mapping[str, float]], base: Mapping[int, Mapping[str, float]]
) -> np.ndarray | None:
    """Differences ``(seeds, images)`` where both have a figure; None where there are none."""
    seeds = sorted(own.keys() & base.keys())
    if not seeds:
        return None
    names = sorted(set.intersection(*(own[s].keys() & base[s].keys() for s in seeds)))
    if not names:
        return None
    return np.array([[own[seed][name] - base[seed][name] for name in names] for seed in seeds])


def _range(values: Sequence[float]) -> tuple[float, float] | None:
    return (min(values), max(values)) if len(values) > 1 else None


def _text(value: float | None, form: str) -> str:
    if value is None:
        return NONE
    text = format(value, form)
    return text if float(text) else text.replace("-", "+")  # no negative zero


def _span(value: tuple[float, float] | None, form: str) -> str:
    return NONE if value is None else " .. ".join(_text(end, form) for end in value)
