"""Per-image records, the plain rows that every table, comparison and report is made from.

A record is a dict with the keys of `FIELDS`. Figures are never rounded before they are
printed, and a mean is always computed from the records it stands for.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import write_bytes
from ..text import csv_text, encoded

PERCEPTUAL_FIELDS = ("lpips", "dists")  # present where those metrics were asked for
TUNING_FIELDS = ("tuned", "predicted_gain")  # 0 or 1, dB; where `InternalLearning` was asked for
FIELDS = ("dataset", "image", "height", "width", "protocol", "psnr", "ssim", "seconds")
FIGURES = ("psnr", "ssim", "seconds", *PERCEPTUAL_FIELDS)


@dataclass(frozen=True)
class Mean:
    """The mean of one benchmark set under one protocol.

    Attributes:
        dataset: Name of the set.
        protocol: Name of the protocol.
        images: Number of images it is the mean of.
        psnr: Mean PSNR in dB.
        ssim: Mean SSIM.
        seconds: Mean time per image, ``None`` when it was not taken.
        lpips: Mean LPIPS, ``None`` when it was not asked for.
        dists: Mean DISTS, likewise.
    """

    dataset: str
    protocol: str
    images: int
    psnr: float
    ssim: float
    seconds: float | None = None
    lpips: float | None = None
    dists: float | None = None


def means(records: Iterable[dict[str, Any]]) -> list[Mean]:
    """Average records per (data set, protocol), in the order of their first appearance.

    Raises:
        ValueError: A figure is nan, or an image appears twice in a set.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault((record["dataset"], record["protocol"]), []).append(record)
    for (dataset, protocol), group in groups.items():
        names = [record["image"] for record in group]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"image {twice} of {dataset} is scored twice under {protocol}")
        for record in group:
            if math.isnan(record["psnr"]) or math.isnan(record["ssim"]):
                raise ValueError(f"the {protocol} figures of {dataset}/{record['image']} are nan")
    return [
        Mean(*key, len(group), **{figure: _mean(group, figure) for figure in FIGURES})
        for key, group in groups.items()
    ]


def fields(records: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The keys that records have, in the order of columns."""
    optional = PERCEPTUAL_FIELDS + TUNING_FIELDS
    return FIELDS + tuple(key for key in optional if any(key in r for r in records))


def write_csv(path: str | Path, records: Sequence[dict[str, Any]]) -> None:
    """Write records as CSV, one row an image and protocol, figures unrounded."""
    columns = fields(records)
    rows = [[record.get(column) for column in columns] for record in records]
    write_bytes(path, encoded(csv_text([columns, *rows])))


def _mean(records: Sequence[dict[str, Any]], key: str) -> Any:
    if any(record.get(key) is None for record in records):
        return None
    return math.fsum(record[key] for record in records) / len(records)
