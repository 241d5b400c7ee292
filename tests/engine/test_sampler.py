"""The sample stream: one order for all processes, entered anywhere."""

from itertools import islice

import pytest

from ignn_toolbox.engine.sampler import IterationSampler


def take(sampler: IterationSampler, count: int) -> list[tuple[int, int]]:
    return [(int(index), index.draw) for index in islice(iter(sampler), count)]


def test_each_pass_is_a_permutation_and_passes_differ() -> None:
    stream = take(IterationSampler(range(10), seed=3), 30)
    passes = [[index for index, _ in stream[start : start + 10]] for start in (0, 10, 20)]
    assert all(sorted(order) == list(range(10)) for order in passes)
    assert passes[0] != passes[1] != passes[2]
    assert [draw for _, draw in stream] == list(range(30))


@pytest.mark.parametrize("start", [0, 7, 10, 123_456_789])
def test_entering_later_gives_the_same_stream(start: int) -> None:
    whole, later = IterationSampler(range(10), seed=1), IterationSampler(range(10), seed=1)
    whole.start, later.start = start, start + 25
    assert take(whole, 40)[25:] == take(later, 15)


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_one_stream(world_size: int) -> None:
    parts = []
    for rank in range(world_size):
        sampler = IterationSampler(range(7), seed=5)
        sampler.rank, sampler.world_size = rank, world_size
        parts.append(take(sampler, 8))
    union = sorted((draw, index) for part in parts for index, draw in part)
    alone = take(IterationSampler(range(7), seed=5), 8 * world_size)
    assert union == [(draw, index) for index, draw in alone]


def test_without_shuffling_the_order_is_the_data_sets() -> None:
    assert [i for i, _ in take(IterationSampler(range(3), shuffle=False), 7)] == [0, 1, 2] * 2 + [0]


def test_an_empty_data_set_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty"):
        IterationSampler([])
