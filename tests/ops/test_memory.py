"""The memory setting."""

import pytest

from ignn_toolbox.ops.memory import plan_neighbors, smallest_budget

SHAPE = (1, 8, 100, 60)


def kept_bytes(neighbors):
    return neighbors * 8 * 100 * 60 * 4 * (2**2 + 3)


def test_words_choose_between_keeping_and_computing_again():
    assert plan_neighbors("fast", SHAPE, 2, 5).keep
    assert plan_neighbors("fast", SHAPE, 2, 5).band == 100
    assert not plan_neighbors("low", SHAPE, 2, 5).keep
    assert plan_neighbors("balanced", SHAPE, 2, 5).keep
    assert not plan_neighbors("balanced", (1, 256, 256, 256), 2, 5).keep
    assert plan_neighbors("balanced", (1, 256, 256, 256), 2, 5).band == 128
    assert plan_neighbors("balanced", (1, 256, 300, 256), 2, 5).band == 100  # three even bands


def test_a_budget_in_bytes_is_spent_on_bands_and_then_on_keeping():
    least = smallest_budget(SHAPE, 2)
    tight, roomy = (plan_neighbors(n, SHAPE, 2, 5) for n in (least, least + kept_bytes(5)))
    assert (tight.band, tight.keep) == (25, False)  # four bands of at most 32
    assert (roomy.band, roomy.keep) == (100, True)


def test_an_impossible_budget_says_the_least_possible():
    least = smallest_budget(SHAPE, 2)
    with pytest.raises(ValueError, match=f"at least {least} bytes"):
        plan_neighbors(least - 1, SHAPE, 2, 5)


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="'low', 'balanced', 'fast' or bytes, got 'small'"):
        plan_neighbors("small", SHAPE, 2, 5)
