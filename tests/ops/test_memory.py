"""The memory setting."""

import re

import pytest
import torch

from ignn_toolbox.ops.memory import plan_neighbors

SHAPE = (1, 8, 100, 60)


def plan(memory, shape=SHAPE, device="cpu", num_neighbors=5):
    return plan_neighbors(memory, torch.empty(shape, device=device), 2, num_neighbors)


def kept_bytes(neighbors):
    return neighbors * 8 * 100 * 60 * 4 * (2**2 + 3)


def test_words_choose_between_keeping_and_computing_again():
    assert plan("fast").keep
    assert plan("fast").band == 100
    assert not plan("low").keep


def test_by_default_a_cpu_keeps_a_quarter_of_a_gib():
    large = (1, 256, 256, 256)
    assert plan(None).keep
    assert not plan(None, large).keep
    assert plan(None, large).band == 128
    assert plan(None, (1, 256, 300, 256)).band == 100  # three even bands


@pytest.mark.parametrize(
    ("shape", "num_neighbors"),
    [((16, 32, 40, 40), 5), ((4, 256, 60, 60), 5), ((16, 256, 64, 64), 9), ((1, 256, 256, 256), 5)],
)
def test_by_default_a_gpu_makes_all_neighbours_at_once(shape, num_neighbors):
    """Elsewhere than on the CPU; ``meta`` takes no memory."""
    found = plan(None, shape, "meta", num_neighbors)
    assert found.keep
    assert found.ranks(num_neighbors) == [slice(0, num_neighbors)]
    assert plan(None, shape).together == 1
    assert plan("low", shape, "meta").together == 1


def test_bands_and_ranks_cover_everything_once():
    found = plan("low", (1, 256, 300, 256))
    rows = [row for band in found.bands(300) for row in range(300)[band]]
    assert rows == list(range(300))
    assert [len(range(300)[band]) for band in found.bands(300)] == [30] * 10
    assert found.ranks(3) == [slice(0, 1), slice(1, 2), slice(2, 3)]


def test_a_budget_in_bytes_is_spent_on_bands_and_then_on_keeping():
    with pytest.raises(ValueError, match="at least") as error:
        plan(1)
    least = int(re.search(r"at least (\d+) bytes", str(error.value))[1])
    tight, roomy = plan(least), plan(least + kept_bytes(5))
    assert (tight.band, tight.keep) == (25, False)  # four bands of at most 32
    assert (roomy.band, roomy.keep) == (100, True)
    with pytest.raises(ValueError, match=f"at least {least} bytes"):
        plan(least - 1)


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="'low', 'fast', None or bytes, got 'balanced'"):
        plan("balanced")
