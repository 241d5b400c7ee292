"""`search` finds exactly what the whole distance matrix and a stable sort find."""

import dataclasses

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ignn_toolbox.ops import PatchGrid, Search, reference, search, window_starts
from ignn_toolbox.ops.nearest import nearest


@st.composite
def searches(draw):
    """Maps of small whole numbers, so that distances are exact and ties common, and options."""
    size = draw(st.integers(1, 5))
    scale = draw(st.integers(1, 4))
    height, width = draw(st.integers(size, 11)), draw(st.integers(size, 11))
    same = draw(st.booleans())
    rest = (0, 0) if same else (draw(st.integers(0, scale - 1)), draw(st.integers(0, scale - 1)))
    how = Search(
        scale,
        draw(st.integers(1, 6)),
        draw(st.none() | st.integers(1, 8)),
        draw(st.sampled_from(["centred", "official"])),
        size,
        draw(st.integers(max(1, size - 2), size)),
        scale == 1 and rest == (0, 0) and draw(st.booleans()),
    )
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 3)))
    levels = draw(st.sampled_from([1, 2, 4, 100]))
    queries = torch.randint(
        levels, (*shape, height * scale + rest[0], width * scale + rest[1]), generator=generator
    )
    keys = torch.randint(levels, (*shape, height, width), generator=generator)
    return queries.float(), keys.float(), how


def _has_enough(keys, how):
    grid = how.grid(*keys.shape[-2:])
    high, wide, *_ = window_starts(grid, grid, how)
    return how.needed <= high * wide


@settings(max_examples=80, deadline=None)
@given(searches())
def test_search_equals_the_textbook_ties_included(case):
    queries, keys, how = case
    assume(_has_enough(keys, how))
    fast, slow = search(queries, keys, how), reference.search(queries, keys, how)
    assert torch.equal(fast.index, slow.index)
    assert torch.equal(fast.distance, slow.distance)
    assert (fast.query_grid, fast.key_grid) == (slow.query_grid, slow.key_grid)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([None, 5]))
def test_search_of_real_numbers_finds_the_least_distances(seed, window):
    generator = torch.Generator().manual_seed(seed)
    queries = torch.randn(1, 8, 41, 38, generator=generator)
    keys = torch.randn(1, 8, 20, 19, generator=generator)
    fast = search(queries, keys, Search(scale=2, window=window))
    slow = reference.search(queries.double(), keys.double(), Search(scale=2, window=window))
    torch.testing.assert_close(fast.distance.double(), slow.distance, rtol=1e-5, atol=1e-4)


def _textured(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("window", [None, 3, 30])
def test_constant_images_take_the_first_keys_of_the_window(window):
    queries, keys = torch.full((1, 2, 70, 66), 0.3), torch.full((1, 2, 35, 33), 0.3)
    how = Search(scale=2, window=window)
    graph = search(queries, keys, how)
    high, wide, rows, cols = window_starts(graph.query_grid, graph.key_grid, how)
    first = [(r, c) for r in range(high) for c in range(wide)][:5]
    for i in (0, 17, graph.query_grid.rows - 2):
        for j in (0, 16, graph.query_grid.cols - 2):
            wanted = [(rows[i] + r) * graph.key_grid.cols + cols[j] + c for r, c in first]
            # the last query row and column hold padding and are not constant
            assert graph.index[0, i, j].tolist() == wanted


def test_repeated_pattern_takes_the_first_copy():
    tile = _textured(1, 4, 6, 6)
    keys = tile.repeat(1, 1, 3, 3)
    graph = search(keys, keys, Search(scale=1, num_neighbors=2, window=None, stride=1))
    copies = graph.key_position()[0, :3, :3]
    rows, cols = torch.meshgrid(torch.arange(3), torch.arange(3), indexing="ij")
    own = torch.stack((rows, cols), -1)
    assert torch.equal(copies[..., 0, :], own)
    assert torch.equal(copies[..., 1, :], own + torch.tensor([0, 6]))


def test_many_keys_are_searched_in_bands():
    """More keys than fit into one matrix product; ties must not depend on the cut."""
    queries = torch.randint(3, (1, 1, 3, 4), generator=torch.Generator().manual_seed(1)).float()
    keys = torch.randint(3, (1, 1, 101, 97), generator=torch.Generator().manual_seed(2)).float()
    how = Search(scale=4, num_neighbors=7, window=None, patch_size=2, stride=1)
    fast, slow = search(queries, keys, how), reference.search(queries, keys, how)
    assert len(fast.key_grid) > 8192
    assert torch.equal(fast.index, slow.index)


@pytest.mark.parametrize("window", [None, 4])
def test_batches_do_not_matter_bit_for_bit(window):
    queries, keys = _textured(3, 5, 45, 52), _textured(3, 5, 22, 26)
    together = search(queries, keys, Search(scale=2, window=window))
    for n in range(3):
        alone = search(queries[n : n + 1], keys[n : n + 1], Search(scale=2, window=window))
        assert torch.equal(alone.index[0], together.index[n])
        assert torch.equal(alone.distance[0], together.distance[n])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_dtypes_are_searched_in_single_precision(dtype):
    queries, keys = _textured(1, 5, 30, 31).to(dtype), _textured(1, 5, 15, 15).to(dtype)
    graph = search(queries, keys, Search(scale=2))
    single = search(queries.float(), keys.float(), Search(scale=2))
    assert graph.distance.dtype == torch.float32
    assert torch.equal(graph.index, single.index)


def test_autocast_does_not_reach_the_search():
    queries, keys = _textured(1, 5, 30, 31), _textured(1, 5, 15, 15)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        graph = search(queries, keys, Search(scale=2))
    assert torch.equal(graph.index, search(queries, keys, Search(scale=2)).index)


def test_excluded_self_is_found_otherwise():
    features = _textured(1, 3, 20, 23)
    grid = PatchGrid(20, 23)
    own = torch.arange(len(grid)).view(1, grid.rows, grid.cols)
    found = search(features, features, Search(scale=1, window=5))
    assert torch.equal(found.index[..., 0], own)
    others = search(features, features, Search(scale=1, window=5, exclude_self=True))
    assert not (others.index == own[..., None]).any()
    torch.testing.assert_close(others.index[..., :4], found.index[..., 1:])


def test_memory_layout_does_not_matter():
    queries, keys = _textured(2, 4, 24, 25), _textured(2, 4, 12, 12)
    plain = search(queries, keys, Search(scale=2))
    last = search(
        queries.contiguous(memory_format=torch.channels_last),
        keys.transpose(2, 3).mT,
        Search(scale=2),
    )
    assert torch.equal(plain.index, last.index)


def test_search_is_no_part_of_the_graph_of_gradients():
    features = _textured(1, 3, 12, 12).requires_grad_()
    graph = search(features, features[..., ::2, ::2], Search(scale=2))
    assert not graph.distance.requires_grad


@pytest.mark.parametrize("window", [None, 2])
def test_custom_op_is_well_formed(window):
    arguments = (_textured(2, 3, 13, 12), _textured(2, 3, 6, 6), 2, 3, window, "centred", 3, 2)
    torch.library.opcheck(nearest, (*arguments, False))


@pytest.mark.parametrize(
    ("queries", "keys", "options", "message"),
    [
        ((1, 2, 10, 11), (1, 2, 5, 5), {}, "has 4; use an image of at least 12x12"),
        ((1, 2, 15, 15), (1, 2, 5, 5), {"scale": 3}, "use an image of at least 18x18"),
        ((1, 2, 40, 40), (1, 2, 20, 20), {"window": 2}, r"2x2 holds 4; use window=3 or more"),
        ((1, 2, 40, 40), (1, 2, 20, 20), {"window": 0}, "window must be at least 1"),
        ((1, 2, 40, 40), (1, 2, 20, 20), {"num_neighbors": 0}, "at least 1, got 0"),
        ((1, 2, 4, 4), (1, 2, 2, 2), {}, "2x2 map is smaller than one 3x3 patch"),
        ((1, 2, 40, 40), (1, 3, 20, 20), {}, "must agree in batch and channels"),
        ((1, 2, 40, 40), (2, 2, 20, 20), {}, r"\(1, 2, 40, 40\) and keys \(2, 2, 20, 20\)"),
        ((2, 40, 40), (1, 2, 20, 20), {}, r"must both be \(N, D, H, W\)"),
        ((1, 2, 40, 40), (1, 2, 20, 20), {"exclude_self": True}, "of one size"),
        ((1, 2, 40, 40), (1, 2, 20, 20), {"window_mode": "near"}, "'near'"),
        ((1, 2, 40, 40), (1, 2, 20, 20), {"neighbors": "far"}, "'nearest' or 'random', got 'far'"),
        ((1, 2, 40, 40), (1, 2, 20, 20), {"scale": 0}, "scale must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_searched_is_explained(queries, keys, options, message):
    with pytest.raises(ValueError, match=message):
        search(torch.zeros(queries), torch.zeros(keys), Search(**({"scale": 2} | options)))


def test_excluding_oneself_counts_as_one_key_less():
    features = torch.zeros(1, 1, 5, 5)
    how = Search(scale=1, num_neighbors=4, window=None)
    assert search(features, features, how).num_neighbors == 4
    with pytest.raises(ValueError, match="at least 5 key .* has 4; use .* least 6x6"):
        search(features, features, dataclasses.replace(how, exclude_self=True))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("which", ["queries", "keys"])
def test_values_that_are_not_finite_are_refused(value, which):
    maps = {"queries": torch.zeros(1, 2, 24, 24), "keys": torch.zeros(1, 2, 12, 12)}
    maps[which][0, 1, 3, 4] = value
    with pytest.raises(ValueError, match=f"{which} .* not finite"):
        search(**maps, how=Search(scale=2))


def test_large_finite_values_are_accepted():
    """Their sum overflows half precision, the values do not."""
    queries = torch.full((1, 2, 24, 24), 6e4, dtype=torch.float16)
    assert search(queries, queries[..., ::2, ::2], Search(scale=2)).num_neighbors == 5


def test_dtypes_and_devices_must_agree():
    queries, keys = torch.zeros(1, 2, 24, 24), torch.zeros(1, 2, 12, 12)
    with pytest.raises(ValueError, match=r"torch.float32, cpu.*torch.float64, cpu"):
        search(queries, keys.double(), Search(scale=2))
    with pytest.raises(ValueError, match="meta"):
        search(queries, keys.to("meta"), Search(scale=2))
    with pytest.raises(ValueError, match="must be floating point"):
        search(queries.int(), keys.int(), Search(scale=2))
