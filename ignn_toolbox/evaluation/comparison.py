"""Comparing two methods image by image."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..datasets.file_list import some
from .results import Results
from .statistics import bootstrap_interval, spearman, wilcoxon

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Split:
    """One half of the images, ordered by how much they repeat themselves.

    Attributes:
        label: What the half is.
        images: How many images it holds.
        mean: Mean difference B - A within it.
        interval: Bootstrap interval of that mean.
    """

    label: str
    images: int
    mean: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """Paired differences B - A of one benchmark set, protocol and figure.

    Attributes:
        dataset: Name of the set.
        protocol: Name of the protocol.
        figure: ``'psnr'`` or ``'ssim'``.
        names: The images.
        differences: B - A of each image, in the order of ``names``.
        mean: Mean difference.
        interval: 95 % bootstrap interval of the mean.
        p_value: Two-sided p of Wilcoxon's signed-rank test.
        wins: Images that B does better.
        losses: Images that B does worse.
        splits: Mean difference in the more and in the less self-similar half of the images; empty
            when no recurrence scores were given.
        correlation: Spearman's correlation of difference and recurrence score, likewise.
    """

    dataset: str
    protocol: str
    figure: str
    names: list[str]
    differences: np.ndarray
    mean: float
    interval: tuple[float, float]
    p_value: float
    wins: int
    losses: int
    splits: list[Split] = field(default_factory=list)
    correlation: float | None = None

    def extremes(self, count: int) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        """The images with the largest gain and those with the largest loss, worst first."""
        order = np.argsort(self.differences, kind="stable")
        rows = [(self.names[i], float(self.differences[i])) for i in order]
        gains = [row for row in reversed(rows) if row[1] > 0][:count]
        return gains, [row for row in rows if row[1] < 0][:count]


def compare(
    a: Results,
    b: Results,
    figure: str = "psnr",
    recurrence: Mapping[tuple[str, str], float] | None = None,
) -> list[Comparison]:
    """Compare method B with method A, set by set and protocol by protocol.

    Args:
        a: Results of the method compared with.
        b: Results of the method of interest.
        figure: ``'psnr'`` or ``'ssim'``.
        recurrence: Recurrence score of each (data set, image); lower means more self-similar.

    Raises:
        ValueError: The scales, protocols, sets or images differ, or an infinite PSNR (a result that
            equals its ground truth) has no difference.
    """
    rows = _joined(a, b, figure)
    comparisons = []
    for (dataset, protocol), images in rows.items():
        names = list(images)
        differences = np.array([images[name][1] - images[name][0] for name in names])
        splits: list[Split] = []
        correlation = None
        if recurrence is not None and len(names) > 1:
            scores = np.array([recurrence[dataset, name] for name in names])
            splits = _split(differences, scores)
            correlation = spearman(scores, differences)
        comparisons.append(
            Comparison(
                dataset,
                protocol,
                figure,
                names,
                differences,
                float(differences.mean()),
                bootstrap_interval(differences, CONFIDENCE),
                wilcoxon(differences),
                int((differences > 0).sum()),
                int((differences < 0).sum()),
                splits,
                correlation,
            )
        )
    return comparisons


def _joined(
    a: Results, b: Results, figure: str
) -> dict[tuple[str, str], dict[str, tuple[float, float]]]:
    if a.scale != b.scale:
        raise ValueError(f"{a.model} is x{a.scale} and {b.model} x{b.scale}: not comparable")
    tables = []
    for results in (a, b):
        table: dict[tuple[str, str], dict[str, float]] = {}
        for record in results.records:
            key = record["dataset"], record["protocol"]
            table.setdefault(key, {})[record["image"]] = record[figure]
        tables.append(table)
    for what, index in (("protocols", 1), ("benchmark sets", 0)):
        found = [{key[index] for key in table} for table in tables]
        if found[0] != found[1]:
            raise ValueError(
                f"{a.model} has the {what} {some(found[0])}, {b.model} has {some(found[1])}: "
                "score both alike before comparing them"
            )
    joined: dict[tuple[str, str], dict[str, tuple[float, float]]] = {}
    for key in tables[0]:
        first, second = tables[0][key], tables[1].get(key, {})
        if first.keys() != second.keys():
            raise ValueError(
                f"{a.model} and {b.model} were not scored on the same images of {key[0]} under "
                f"{key[1]}: {some(first.keys() ^ second.keys())} is only in one of them"
            )
        infinite = [name for name in first if np.isinf([first[name], second[name]]).any()]
        if infinite:
            raise ValueError(
                f"{some(infinite)} of {key[0]} equals its ground truth in one of the results: "
                "its PSNR is infinite and has no difference"
            )
        joined[key] = {name: (first[name], second[name]) for name in first}
    return joined


def _split(differences: np.ndarray, scores: np.ndarray) -> list[Split]:
    order = np.argsort(scores, kind="stable")
    half = len(order) // 2
    halves = {"more self-similar": order[:half], "less self-similar": order[half:]}
    return [
        Split(
            label,
            len(chosen),
            float(differences[chosen].mean()),
            bootstrap_interval(differences[chosen], CONFIDENCE),
        )
        for label, chosen in halves.items()
    ]
