"""Statistics of paired differences: bootstrap interval and Wilcoxon's signed-rank test."""

import math

import numpy as np

EXACT_UP_TO = 50


def bootstrap_interval(
    differences: np.ndarray, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean difference over images.

    Args:
        differences: Difference of each image (n,).
        confidence: Coverage, in (0, 1).
        resamples: How many times n images are drawn with replacement.
        seed: Seed of the draws.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: There is no image, or ``confidence`` is out of range.
    """
    differences = np.asarray(differences, dtype=np.float64)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    if not len(differences):
        raise ValueError("a bootstrap needs at least one image")
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(differences), size=(resamples, len(differences)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(differences[drawn].mean(1), [tail, 1 - tail])
    return float(low), float(high)


def wilcoxon(differences: np.ndarray) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test that differences are symmetric about zero.

    Zero differences are dropped, ties share their mean rank. The distribution is exact for up to
    50 differences without ties, else normal with tie and continuity correction.

    Args:
        differences: Difference of each image (n,).

    Returns:
        The p-value; 1 when no difference is left.
    """
    differences = np.asarray(differences, dtype=np.float64)
    differences = differences[differences != 0]
    count = len(differences)
    if not count:
        return 1.0
    ranks, ties = _ranks(np.abs(differences))
    positive = float(ranks[differences > 0].sum())
    statistic = min(positive, count * (count + 1) / 2 - positive)
    if count <= EXACT_UP_TO and not len(ties):
        return min(1.0, 2 * _exact_tail(count, int(statistic)))
    mean = count * (count + 1) / 4
    variance = count * (count + 1) * (2 * count + 1) / 24 - float((ties**3 - ties).sum()) / 48
    z = max(0.0, mean - statistic - 0.5) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation; nan when one of the two is constant."""
    x_ranks, y_ranks = _ranks(np.asarray(x))[0], _ranks(np.asarray(y))[0]
    if np.ptp(x_ranks) == 0 or np.ptp(y_ranks) == 0:
        return math.nan
    return float(np.corrcoef(x_ranks, y_ranks)[0, 1])


def _ranks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranks from 1, equal values sharing their mean, and the sizes of the groups of equals."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse], counts[counts > 1]


def _exact_tail(count: int, statistic: int) -> float:
    """Probability that the rank sum of ``count`` fair signs is at most ``statistic``."""
    ways = np.zeros(count * (count + 1) // 2 + 1)
    ways[0] = 1
    for rank in range(1, count + 1):
        ways[rank:] = ways[rank:] + ways[:-rank]
    return float(ways[: statistic + 1].sum() / 2.0**count)
