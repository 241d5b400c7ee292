"""Patch grids, windows and statistics against their definitions and published figures."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ignn_toolbox.ops import PatchGrid, Search, fold_constant, reference, window_starts
from ignn_toolbox.ops.overlap import reciprocal_counts
from ignn_toolbox.ops.patches import (
    pad_to_grid,
    patch_slices,
    sum_blocks,
)
from ignn_toolbox.ops.statistics import EPSILON, patch_statistics, query_statistics


@st.composite
def grids(draw):
    size = draw(st.integers(1, 5))
    height, width = draw(st.integers(size, 17)), draw(st.integers(size, 17))
    return PatchGrid(height, width, size, draw(st.integers(1, size)))


@settings(max_examples=50, deadline=None)
@given(grids())
def test_grid_covers_the_map_with_the_least_padding(grid):
    for length, padded, count, padding in (
        (grid.height, grid.padded_height, grid.rows, grid.padding[0]),
        (grid.width, grid.padded_width, grid.cols, grid.padding[1]),
    ):
        assert padded == (count - 1) * grid.stride + grid.size
        assert 0 <= padding < grid.stride
        assert padded - padding == length


def test_grid_of_the_paper_pads_even_sizes_by_one():
    for length in range(3, 40):
        grid = PatchGrid(length, 41)
        assert grid.rows == length // 2
        assert grid.padding == ((length + 1) % 2, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((8, 2), "8x2 map is smaller than one 3x3 patch"),
        ((8, 8, 3, 4), r"stride must lie in 1..patch_size=3"),
        ((8, 8, 3, 0), "got 0"),
    ],
)
def test_impossible_grids_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PatchGrid(*arguments)


@settings(max_examples=30, deadline=None)
@given(grids(), st.integers(0, 2**31))
def test_slices_are_the_patches(grid, seed):
    features = torch.randn(2, 3, grid.height, grid.width, generator=_generator(seed))
    slices = patch_slices(pad_to_grid(features.permute(0, 2, 3, 1), grid), grid)
    fast = torch.stack(slices, -1).flatten(1, 2)
    assert torch.equal(fast, reference.patches(features, grid))


@settings(max_examples=30, deadline=None)
@given(grids(), st.integers(0, 2**31))
def test_fold_constant_is_the_overlap_mean(grid, seed):
    generator = _generator(seed)
    values = torch.randn(2, grid.rows, grid.cols, 3, generator=generator, dtype=torch.double)
    whole = values.flatten(1, 2)[..., None].expand(-1, -1, -1, grid.size**2)
    slow = reference.overlap_mean(whole, grid.height, grid.width, grid.size, grid.stride)
    torch.testing.assert_close(fold_constant(values, grid).permute(0, 3, 1, 2), slow)


@settings(max_examples=30, deadline=None)
@given(grids())
def test_overlap_weights_of_a_pixel_sum_to_one(grid):
    weights = reciprocal_counts(grid, torch.zeros(1, dtype=torch.double))[None, ..., 0, None]
    columns = torch.stack([part.flatten() for part in patch_slices(weights, grid)])[None]
    padded = (grid.padded_height, grid.padded_width)
    total = torch.nn.functional.fold(columns, padded, grid.size, stride=grid.stride)
    torch.testing.assert_close(total, torch.ones_like(total))


def test_fold_constant_passes_gradcheck():
    grid = PatchGrid(6, 7)
    values = torch.randn(1, grid.rows, grid.cols, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: fold_constant(v, grid), values)


def test_sum_blocks_sums_blocks():
    blocks = torch.randn(2, 3, 4, 3, 3, 5, dtype=torch.double)
    torch.testing.assert_close(sum_blocks(blocks), blocks.sum((3, 4)))


@settings(max_examples=30, deadline=None)
@given(grids().filter(lambda g: g.size > 1), st.integers(1, 3), st.integers(0, 2**31))
def test_statistics_are_mean_and_unbiased_variance(grid, scale, seed):
    shape = (2, grid.height, grid.width, scale, scale, 3)
    blocks = torch.randn(shape, generator=_generator(seed), dtype=torch.double)
    mean, std = patch_statistics(blocks, grid.size, grid.stride)
    maps = blocks.permute(0, 5, 3, 4, 1, 2).flatten(1, 3)
    patches = reference.patches(maps, grid).unflatten(2, (3, scale**2)).flatten(-2)
    torch.testing.assert_close(mean.flatten(1, 2), patches.mean(-1))
    torch.testing.assert_close(std.flatten(1, 2), (patches.var(-1) + EPSILON).sqrt())


def test_statistics_do_not_cancel():
    """A small texture on a large offset keeps its deviation in single precision."""
    features = 4096 + torch.randn(1, 2, 9, 9, generator=_generator(0)) / 8
    grid = PatchGrid(9, 9)
    _, single = query_statistics(features, grid)
    _, double = query_statistics(features.double(), grid)
    torch.testing.assert_close(single.double(), double, rtol=2e-3, atol=0)


def test_statistics_pass_gradcheck():
    blocks = torch.randn(1, 5, 5, 2, 2, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda b: patch_statistics(b, 3, 2), blocks)


def test_statistics_of_constant_patches_are_differentiable():
    features = torch.full((1, 1, 5, 5), 0.3, dtype=torch.double, requires_grad=True)
    mean, std = query_statistics(features, PatchGrid(5, 5))
    torch.testing.assert_close(std, torch.full_like(std, EPSILON**0.5))
    (mean + std).sum().backward()
    assert torch.isfinite(features.grad).all()


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 12),
    st.integers(3, 30),
    st.integers(3, 30),
    st.sampled_from(["centred", "official"]),
)
def test_windows_are_squares_inside_the_keys(scale, window, height, width, mode):
    queries, keys = PatchGrid(height * scale, width * scale), PatchGrid(height, width)
    high, wide, rows, cols = window_starts(queries, keys, Search(scale, 1, window, mode))
    assert (len(rows), len(cols)) == (queries.rows, queries.cols)
    if window >= max(keys.rows, keys.cols):
        assert (high, wide) == (keys.rows, keys.cols)
    else:
        assert high == wide == min(window, keys.rows, keys.cols)
    for starts, side, count in ((rows, high, keys.rows), (cols, wide, keys.cols)):
        assert starts == sorted(starts)
        assert starts[0] >= 0
        assert starts[-1] <= count - side


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_centred_window_lies_over_its_query(scale):
    queries, keys = PatchGrid(80 * scale, 80 * scale), PatchGrid(80, 80)
    side, _, rows, _ = window_starts(queries, keys, Search(scale, 1, 9))
    for i, start in enumerate(rows):
        own = i // scale
        free = 4 <= own <= keys.rows - 5  # no border in the way
        assert start + 4 == own if free else start <= min(own, keys.rows - 1) < start + side


def test_official_window_equals_the_centred_one_at_x2():
    queries, keys = PatchGrid(200, 131), PatchGrid(100, 65)
    for window in (1, 4, 7, 30):
        centred = window_starts(queries, keys, Search(2, 1, window, "centred"))
        assert centred == window_starts(queries, keys, Search(2, 1, window, "official"))


def test_official_window_drifts_at_x3_as_published():
    """Its centre is off by -14.7..+18.3 patches; 85 % of the queries see their own place."""
    keys = PatchGrid(120, 120)
    side, _, rows, _ = window_starts(PatchGrid(360, 360), keys, Search(3, 5, 30, "official"))
    off = [start + side / 2 - i / 3 for i, start in enumerate(rows)]
    inside = [start <= i / 3 < start + side for i, start in enumerate(rows)]
    assert (keys.rows, len(rows)) == (60, 180)
    assert (round(min(off), 1), round(max(off), 1)) == (-14.7, 18.3)
    assert sum(inside) / len(inside) == 0.85
    centred = window_starts(PatchGrid(360, 360), keys, Search(3, 5, 30))[2]
    assert all(start <= i / 3 < start + side for i, start in enumerate(centred))


@pytest.mark.parametrize(
    ("window", "mode", "message"),
    [
        (0, "centred", "window must be at least 1 key patch, or None"),
        (-3, "official", "got -3"),
        (4, "middle", "window_mode must be 'centred' or 'official', got 'middle'"),
    ],
)
def test_impossible_windows_are_refused(window, mode, message):
    with pytest.raises(ValueError, match=message):
        Search(2, 1, window, mode)


def test_smallest_image_is_the_published_one():
    assert Search(2, 5).smallest_image == 12
    assert Search(3, 5).smallest_image == 18


def _generator(seed):
    return torch.Generator().manual_seed(seed)
