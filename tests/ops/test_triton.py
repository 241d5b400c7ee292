"""The Triton kernels give what the textbook gives, on Triton's interpreter or on a GPU."""

import os
import subprocess
import sys

import pytest
import torch

from ignn_toolbox.ops import PatchGrid, Region, Search, fold, fold_cpu, keys, reference
from ignn_toolbox.ops.cuda import choice

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

pytestmark = pytest.mark.extras


@pytest.fixture(autouse=True)
def _triton(extra):
    knobs = extra("triton").knobs
    assert DEVICE == "cuda" or knobs.runtime.interpret, "another test imported triton before"


SEARCHES = {
    "window": (Search(2, 3, 4), (2, 3, 24, 20)),
    "everything": (Search(2, 5, None, patch_size=5, stride=3), (1, 2, 23, 26)),
    "without itself": (Search(1, 4, 5, exclude_self=True), (1, 1, 20, 23)),
    "as released, x3": (Search(3, 2, 3, "official"), (2, 2, 30, 29)),
    "one neighbour of one pixel": (Search(2, 1, 3, patch_size=1, stride=1), (1, 1, 12, 9)),
    "all keys of a window": (Search(2, 9, 3), (1, 40, 20, 17)),
}


def whole_numbers(shape, levels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(levels, shape, generator=generator).float()


def triton_search(queries, searched, how):
    from ignn_toolbox.ops.cuda.search import nearest

    return [t.cpu() for t in nearest(queries.to(DEVICE), searched.to(DEVICE), how)]


@pytest.mark.parametrize("levels", [1, 3, 100])
@pytest.mark.parametrize("name", SEARCHES)
def test_search_equals_the_textbook_ties_included(name, levels):
    how, shape = SEARCHES[name]
    queries = whole_numbers(shape, levels)
    searched = whole_numbers((*shape[:2], *(n // how.scale for n in shape[2:])), levels, seed=1)
    index, distance = triton_search(queries, searched, how)
    expected = reference.search(queries, searched, how)
    assert torch.equal(index, expected.index)
    assert torch.equal(distance, expected.distance)


def test_real_numbers_and_half_precision_have_the_least_distances():
    queries, searched = (
        torch.randn(1, 5, n, n + 2, generator=torch.Generator().manual_seed(n)).half()
        for n in (18, 9)
    )
    how = Search(2, 4, 3)
    index, distance = triton_search(queries, searched, how)
    expected = reference.search(queries.double(), searched.double(), how)
    assert torch.equal(index, expected.index)
    torch.testing.assert_close(distance.double(), expected.distance, rtol=1e-5, atol=1e-4)


def test_a_search_does_not_depend_on_the_batch_or_on_the_layout():
    queries, searched = (
        torch.randn(2, 3, n, n, generator=torch.Generator().manual_seed(n)) for n in (18, 9)
    )
    how = Search(2, 3, 4)
    together = triton_search(queries, searched, how)
    alone = triton_search(
        queries[1:].contiguous(memory_format=torch.channels_last), searched[1:], how
    )
    for batch, one in zip(together, alone, strict=True):
        assert torch.equal(batch[1:], one)


FOLDS = {
    "IGNN": dict(batch=1, ranks=2, size=(8, 9)),
    "x3, without AdaPN": dict(batch=1, ranks=1, size=(9, 9), scale=3, adapn=False),
    "patches that touch": dict(batch=1, ranks=2, size=(6, 6), patch=3, stride=3),
    "many overlaps": dict(batch=1, ranks=1, size=(6, 6), patch=3, stride=1),
    "a region of a batch": dict(batch=2, ranks=1, size=(8, 8), region=Region(2, 1, 4, 3)),
    "one key chosen by all": dict(batch=1, ranks=1, size=(8, 8), favourite=3),
}


def fold_arguments(
    batch,
    ranks,
    size,
    scale=2,
    patch=3,
    stride=2,
    adapn=True,
    region=None,
    favourite=None,
    dtype=torch.double,
):
    """Arguments of `fold_neighbors`; the graph's index lies as a search leaves it."""
    generator = torch.Generator().manual_seed(0)

    def randn(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.double)

    grid = PatchGrid(*size, patch, stride)
    key_grid = PatchGrid(*(n // scale for n in size), patch, stride)
    index = torch.randint(
        len(key_grid), (batch, grid.rows, grid.cols, ranks), generator=generator
    ).movedim(-1, 1)
    if favourite is not None:
        index = index.clone().fill_(favourite)
    rows = keys.key_rows(randn(batch, 3, *size), key_grid, scale).to(dtype)
    wide = torch.promote_types(dtype, torch.float32)
    of_keys, of_queries = (batch * len(key_grid), 3), (batch, grid.rows, grid.cols, 3)
    statistics = [
        randn(*shape).to(wide) if adapn else None
        for shape in (of_keys, of_keys, of_queries, of_queries)
    ]
    place = region or Region.whole(grid)
    sides = [place.top, place.left, place.height, place.width]
    return rows, index, *statistics, grid.sides, key_grid.sides, sides


def moved(arguments):
    return [t.to(DEVICE) if isinstance(t, torch.Tensor) else t for t in arguments]


@pytest.mark.parametrize("name", FOLDS)
def test_folding_and_its_way_back_equal_those_of_the_cpu(name):
    """The CPU's are held by the textbook and by differences, in the tests of the operators."""
    from ignn_toolbox.ops.cuda.fold import fold as triton_fold
    from ignn_toolbox.ops.cuda.fold_backward import fold_backward

    arguments = fold_arguments(**FOLDS[name])
    expected = fold_cpu.fold(*arguments)
    folded = triton_fold(*moved(arguments))
    torch.testing.assert_close(folded.cpu(), expected, rtol=1e-9, atol=1e-9)
    grad = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1)).double()
    found = fold_backward(grad.to(DEVICE), *moved(arguments))
    for one, other in zip(found, fold_cpu.fold_backward(grad, *arguments), strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=1e-9, atol=1e-9)


def test_folding_equals_the_textbook():
    """`reference.aggregate` of a graph that the kernel found itself."""
    from ignn_toolbox.ops.aggregate import as_map, prepare_neighbors
    from ignn_toolbox.ops.cuda.fold import fold as triton_fold

    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 3, 8, 9, generator=generator, dtype=torch.double)
    how = Search(2, 2, 3)
    graph = reference.search(features, features[..., ::2, :8:2], how)
    made = prepare_neighbors(features, graph)
    patches, grid = made.patches, made.grid
    folded = triton_fold(
        *moved((patches.rows, made.index, patches.scale, patches.shift, made.mean, made.std)),
        grid.sides,
        made.key_grid.sides,
        [0, 0, grid.height, grid.width],
    )
    expected = reference.aggregate(features, graph)
    torch.testing.assert_close(as_map(folded.cpu()), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    from ignn_toolbox.ops.cuda.fold import fold as triton_fold
    from ignn_toolbox.ops.cuda.fold_backward import fold_backward

    arguments = fold_arguments(1, 1, (6, 6), dtype=dtype)
    exact = [
        t.double() if isinstance(t, torch.Tensor) and t.is_floating_point() else t
        for t in arguments
    ]
    folded, expected = triton_fold(*moved(arguments)).cpu(), fold_cpu.fold(*exact)
    assert folded.dtype == dtype
    torch.testing.assert_close(folded, expected.to(dtype))
    grads = fold_backward(expected.to(dtype).to(DEVICE), *moved(arguments))
    assert [g.dtype for g in grads] == [dtype, *[torch.float32] * 4]


def test_the_way_back_gives_the_same_bits_again():
    from ignn_toolbox.ops.cuda.fold_backward import fold_backward

    arguments = moved(fold_arguments(1, 1, (8, 8), favourite=1, dtype=torch.float32))
    grad = fold._kernel(*arguments)
    first, second = (fold_backward(grad, *arguments) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("trial", [choice.search_trial, choice.fold_trial])
def test_kernels_pass_their_trial(trial):
    assert trial(torch.device(DEVICE)) is None


@pytest.mark.slow
def test_kernels_compile_for_cards_that_are_not_here():
    """Triton makes machine code of its own types, which the interpreter knows nothing of."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    program = os.path.join(os.path.dirname(__file__), "compile_kernels.py")
    subprocess.run([sys.executable, program], check=True, env=environment)
