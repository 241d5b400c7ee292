"""Registered operators: well formed, and the same numbers from every kernel."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ignn_toolbox.ops import (
    PatchGrid,
    Region,
    edge_labels,
    fold,
    fold_cpu,
    keys,
    nearest,
    overlap,
    random_neighbors,
    resize,
    statistics,
    weighted_sum,
)

SEARCH = (2, 3, 3, "centred", 3, 2, False)


def randn(*shape, seed=0, dtype=torch.double):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def fold_arguments(
    batch=2, ranks=2, size=(9, 10), scale=2, patch=3, stride=2, adapn=True, region=None, seed=0
):
    """Arguments of `fold_neighbors` for random neighbours of random features."""
    grid = PatchGrid(*size, patch, stride)
    key_grid = PatchGrid(*(n // scale for n in size), patch, stride)
    count = key_grid.rows * key_grid.cols
    index = torch.randint(
        count, (batch, ranks, grid.rows, grid.cols), generator=torch.Generator().manual_seed(seed)
    )
    rows = keys.key_rows(randn(batch, 3, *size, seed=seed), key_grid, scale)
    statistic = [None] * 4
    if adapn:
        queries = (batch, grid.rows, grid.cols, 3)
        shapes = [(batch * count, 3), (batch * count, 3), queries, queries]
        statistic = [randn(*shape, seed=seed + n) for n, shape in enumerate(shapes)]
    region = region or Region.whole(grid)
    place = [region.top, region.left, region.height, region.width]
    return (rows, index, *statistic, grid.sides, key_grid.sides, place)


INDEX = torch.randint(9, (2, 2, 5, 6), generator=torch.Generator().manual_seed(1))
EXAMPLES = {
    "nearest": (nearest.nearest, (randn(2, 3, 13, 12), randn(2, 3, 6, 6), *SEARCH)),
    "nearest, no window": (
        nearest.nearest,
        (randn(2, 3, 13, 12), randn(2, 3, 6, 6), 2, 3, None, *SEARCH[3:]),
    ),
    "random_neighbors": (
        random_neighbors.random_neighbors,
        (randn(2, 3, 13, 12), randn(2, 3, 6, 6), *SEARCH),
    ),
    "key_rows": (keys.key_rows_operator, (randn(2, 3, 13, 12), [6, 6, 3, 2], 2)),
    "key_rows, nothing to move": (
        keys.key_rows_operator,
        (randn(1, 3, 7, 9).contiguous(memory_format=torch.channels_last), [7, 9, 3, 2], 1),
    ),
    "patch_statistics": (statistics.patch_statistics_operator, (randn(2, 7, 8, 2, 2, 3), 3, 2)),
    "fold_constant": (overlap.fold_constant_operator, (randn(2, 2, 4, 5, 3), [8, 11, 3, 2])),
    "edge_label": (
        edge_labels.edge_label_operator,
        (randn(2, 3, 11, 12), randn(2, 3, 7, 7, seed=1), INDEX, 3, 2),
    ),
    "fold_neighbors": (fold.fold_neighbors, fold_arguments()),
    "fold_neighbors without AdaPN": (fold.fold_neighbors, fold_arguments(adapn=False)),
    "fold_neighbors in a region": (
        fold.fold_neighbors,
        fold_arguments(region=Region(3, 4, 5, 3)),
    ),
    "weighted_sum": (weighted_sum.weighted_sum_operator, (randn(2, 2, 3, 8, 6), randn(2, 2, 4, 3))),
    "downsample": (resize.downsample_operator, (randn(2, 3, 9, 10), 2)),
    "imresize": (resize.imresize_operator, (randn(2, 3, 8, 9), 4, 5, None, "symmetric")),
}


WITHOUT_GRADIENT = {"nearest", "random_neighbors", "downsample"}
WITH_GRADIENT = [name for name in EXAMPLES if name.partition(",")[0] not in WITHOUT_GRADIENT]


def _with_gradient(arguments):
    return tuple(
        a.detach().clone().requires_grad_()
        if isinstance(a, torch.Tensor) and a.is_floating_point()
        else a
        for a in arguments
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_operators_are_well_formed(name):
    operator, arguments = EXAMPLES[name]
    if name.partition(",")[0] not in WITHOUT_GRADIENT:
        arguments = _with_gradient(arguments)
    utils = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(operator, arguments, test_utils=utils)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_operators_compile_with_any_size(name):
    operator, arguments = EXAMPLES[name]
    if name.partition(",")[0] not in WITHOUT_GRADIENT:
        arguments = _with_gradient(arguments)
    torch.library.opcheck(operator, arguments, test_utils="test_aot_dispatch_dynamic")


@pytest.mark.parametrize("name", WITH_GRADIENT)
def test_gradients_are_those_of_differences(name):
    operator, arguments = EXAMPLES[name]
    arguments = _with_gradient(arguments)
    assert torch.autograd.gradcheck(operator, arguments, fast_mode=True)


def _assert_same(first, second):
    first, second = ((t,) if isinstance(t, torch.Tensor) else t for t in (first, second))
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_folding_is_the_same_on_any_device(data):
    scale, patch = data.draw(st.integers(1, 3)), data.draw(st.integers(2, 5))
    stride = data.draw(st.integers(1, patch))
    height, width = (data.draw(st.integers(patch, 7)) * scale for _ in range(2))
    top, left = (data.draw(st.integers(0, n - 1)) for n in (height, width))
    region = Region(
        top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
    )
    arguments = fold_arguments(
        data.draw(st.integers(1, 2)),
        data.draw(st.integers(1, 2)),
        (height, width),
        scale,
        patch,
        stride,
        data.draw(st.booleans()),
        region,
        data.draw(st.integers(0, 1000)),
    )
    folded = fold._kernel(*arguments)
    _assert_same(folded, fold_cpu.fold(*arguments))
    grad = randn(*folded.shape, seed=9)
    _assert_same(fold._kernel_backward(grad, *arguments), fold_cpu.fold_backward(grad, *arguments))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(1, 3), st.data())
def test_statistics_are_the_same_on_any_device(seed, size, scale, data):
    height, width = (data.draw(st.integers(size, 9)) for _ in range(2))
    blocks = randn(2, height, width, scale, scale, 3, seed=seed)
    arguments = (blocks, size, data.draw(st.integers(1, size)))
    _assert_same(statistics._kernel(*arguments), statistics._kernel_cpu(*arguments))


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("scale", [1, 2])
def test_weighted_sums_are_the_same_on_any_device(scale, memory_format):
    maps = randn(6, 4, 5 * scale, 3 * scale).contiguous(memory_format=memory_format)
    arguments = (maps.unflatten(0, (2, 3)), randn(2, 3, 5, 3, seed=1))
    total = weighted_sum._kernel(*arguments)
    assert total.is_contiguous(memory_format=memory_format)
    _assert_same(total, weighted_sum._kernel_cpu(*arguments))
    grad = randn(*total.shape, seed=2).contiguous(memory_format=memory_format)
    _assert_same(
        weighted_sum._kernel_backward(grad, *arguments),
        weighted_sum._kernel_backward_cpu(grad, *arguments),
    )


@pytest.mark.parametrize("border", ["symmetric", "replicate"])
@pytest.mark.parametrize("size", [(4, 9), (20, 7), (8, 9)])
def test_bicubic_is_the_same_on_any_device(size, border):
    arguments = (randn(2, 3, 8, 9), *size, None, border)
    _assert_same(resize._kernel(*arguments), resize._kernel_cpu(*arguments))


@pytest.mark.parametrize("window", [None, 4])
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_the_search_finds_the_same_on_any_device(scale, window):
    """Distances of whole numbers are exact, however they are summed; ties are common."""
    generator = torch.Generator().manual_seed(0)
    queries, searched = (
        torch.randint(3, (2, 2, 23 * n, 37 * n), generator=generator).float() for n in (scale, 1)
    )
    arguments = (queries, searched, scale, 5, window, "centred", 3, 2, scale == 1)
    _assert_same(nearest._kernel(*arguments), nearest._kernel_cpu(*arguments))


def test_sums_are_float32_under_autocast():
    maps, weights = randn(1, 3, 4, 6, 6, dtype=torch.float).bfloat16(), torch.rand(1, 3, 3, 3)
    weights = weights / weights.sum(1, keepdim=True)
    total = weighted_sum.weighted_sum(maps, weights)
    assert total.dtype == torch.float32
    torch.testing.assert_close(total, weighted_sum._kernel(maps.float(), weights))


def test_the_first_call_does_not_import_the_compiler():
    """It would take seconds."""
    program = (
        "import sys, torch\n"
        "from ignn_toolbox.ops import Search, aggregate, search\n"
        "x = torch.rand(1, 3, 24, 24, requires_grad=True)\n"
        "aggregate(x, search(x, x[..., ::2, ::2], Search(2))).sum().backward()\n"
        "assert x.grad is not None\n"
        "sys.exit('torch._dynamo' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
