"""Statistics against scipy and against what they must do by definition."""

import numpy as np
import pytest
from scipy import stats

from ignn_toolbox.evaluation.statistics import bootstrap_interval, spearman, wilcoxon


@pytest.mark.parametrize("count", [1, 5, 20, 50])
def test_exact_wilcoxon_equals_scipy(count: int) -> None:
    for seed in range(5):
        values = np.random.default_rng(seed).normal(0.3, 1, count)
        expected = stats.wilcoxon(values, method="exact").pvalue
        assert wilcoxon(values) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("count", [10, 60, 200])
def test_approximate_wilcoxon_with_ties_and_zeros_equals_scipy(count: int) -> None:
    for seed in range(5):
        values = np.round(np.random.default_rng(seed).normal(0.3, 1, count), 1)
        expected = stats.wilcoxon(values, method="approx", correction=True).pvalue
        if len(np.unique(np.abs(values[values != 0]))) < np.count_nonzero(values):
            assert wilcoxon(values) == pytest.approx(expected, rel=1e-9)


def test_wilcoxon_of_equal_methods_is_one() -> None:
    assert wilcoxon(np.zeros(8)) == 1


def test_wilcoxon_of_100_wins_is_tiny() -> None:
    assert wilcoxon(np.linspace(0.01, 1, 100)) < 1e-15


def test_spearman_equals_scipy() -> None:
    rng = np.random.default_rng(0)
    x, y = np.round(rng.normal(size=(2, 40)), 1)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, rel=1e-12)
    assert np.isnan(spearman(x, np.ones(40)))


def test_bootstrap_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        low, high = bootstrap_interval(rng.normal(1, 2, 60), 0.9, resamples=500, seed=seed)
        covered += low <= 1 <= high
    assert 0.84 <= covered / 200 <= 0.96


def test_bootstrap_interval_is_reproducible_and_bounded() -> None:
    values = np.random.default_rng(1).normal(size=30)
    low, high = bootstrap_interval(values)
    assert (low, high) == bootstrap_interval(values)
    assert values.min() < low < values.mean() < high < values.max()
    assert bootstrap_interval(np.full(5, 0.25)) == (0.25, 0.25)


def test_errors() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        bootstrap_interval(np.array([]))
    with pytest.raises(ValueError, match=r"got 1\.5"):
        bootstrap_interval(np.ones(3), 1.5)
