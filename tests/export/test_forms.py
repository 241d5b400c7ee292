"""The operators' exported forms, run by torch: the same numbers, and networks made of them."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from ignn_toolbox.export import ExportError, bicubic, patches
from ignn_toolbox.export import search as form
from ignn_toolbox.export.forms import PlainForms, forms
from ignn_toolbox.models.aggregators.graph_agg import downsampled
from ignn_toolbox.ops import (
    PatchGrid,
    Region,
    Search,
    edge_labels,
    fold,
    keys,
    overlap,
    patch_attention,
    precision,
    reference,
    resize,
    statistics,
)
from ignn_toolbox.ops import weighted_sum as weighted
from ignn_toolbox.registry import MODELS

SIZES = [(12, 12), (13, 26), (47, 30), (64, 96)]
RGB = {"type": "RGBEmbedder"}


def rand(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def fold_arguments(size, scale, adapn, region):
    grid, key_grid = PatchGrid(*size), PatchGrid(*(n // scale for n in size))
    count = key_grid.rows * key_grid.cols
    index = torch.randint(count, (1, 2, grid.rows, grid.cols))
    rows = keys.key_rows(rand(1, 3, *size), key_grid, scale)
    queries = (1, grid.rows, grid.cols, 3)
    shapes = [(count, 3), (count, 3), queries, queries]
    numbers = [rand(*shape, seed=n) if adapn else None for n, shape in enumerate(shapes)]
    place = region or Region.whole(grid)
    region = [place.top, place.left, place.height, place.width]
    return rows, index, *numbers, grid.sides, key_grid.sides, region


INDEX = torch.randint(12, (1, 2, 6, 9))
EXAMPLES = {
    "downsample x2": (resize.downsample_operator, (rand(1, 3, 13, 18), 2)),
    "downsample x3": (resize.downsample_operator, (rand(1, 3, 20, 24), 3)),
    "imresize x2": (resize.imresize_operator, (rand(1, 2, 9, 7), 18, 14, 2.0, "symmetric")),
    "imresize x3": (resize.imresize_operator, (rand(1, 2, 9, 7), 27, 21, 3.0, "replicate")),
    "imresize x4": (resize.imresize_operator, (rand(1, 2, 9, 7), 36, 28, 4.0, "symmetric")),
    "imresize_uint8": (
        resize.imresize_uint8_operator,
        ((rand(1, 3, 9, 7) * 255).to(torch.uint8), 18, 14, 2.0, "symmetric"),
    ),
    "key_rows": (keys.key_rows_operator, (rand(1, 3, 13, 19), [6, 9, 3, 2], 2)),
    "key_rows at one scale": (keys.key_rows_operator, (rand(1, 3, 13, 18), [13, 18, 3, 2], 1)),
    "patch_statistics": (statistics.patch_statistics_operator, (rand(1, 7, 8, 2, 2, 3), 3, 2)),
    "patch_statistics of queries": (
        statistics.patch_statistics_operator,
        (rand(1, 12, 9, 1, 1, 3), 3, 2),
    ),
    "fold_constant": (overlap.fold_constant_operator, (rand(1, 2, 4, 5, 3), [9, 10, 3, 2])),
    "edge_label": (
        edge_labels.edge_label_operator,
        (rand(1, 3, 12, 19), rand(1, 3, 6, 9), INDEX, 3, 2),
    ),
    "weighted_sum": (weighted.weighted_sum_operator, (rand(1, 2, 3, 8, 6), rand(1, 2, 4, 3))),
    "attend_patches of several grids": (
        patch_attention.attend_patches_operator,
        (rand(1, 7, 6, 3), rand(1, 36, 3), rand(1, 36, 4), rand(1, 36), [3, 5, 6, 2], 3),
    ),
    "attend_patches of pixels": (
        patch_attention.attend_patches_operator,
        (rand(1, 4, 5, 3), rand(1, 20, 3), rand(1, 20, 4), rand(1, 20), [4, 5], 1),
    ),
    "exact_conv2d": (
        precision.exact_conv2d,
        (rand(1, 2, 8, 6), rand(3, 2, 3, 3), rand(3), [1, 1], [1, 1], [1, 1], 1),
    ),
}
EXAMPLES |= {
    f"fold_neighbors {size}, {scale}, {adapn}": (
        fold.fold_neighbors,
        fold_arguments(size, scale, adapn, region),
    )
    for size, scale, adapn, region in [
        ((9, 10), 2, True, None),
        ((13, 12), 3, False, Region(3, 4, 5, 3)),
        ((8, 11), 1, True, None),
    ]
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_forms_are_the_operators(name):
    operator, arguments = EXAMPLES[name]
    expected, found = operator(*arguments), forms()[operator](*arguments)
    assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_other_bicubic_factors_are_refused():
    with pytest.raises(ExportError, match=r"by 1.5 has no form in ONNX"):
        forms()[resize.imresize_operator](rand(1, 1, 8, 8), 12, 12, 1.5, "symmetric")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("scale", "window"), [(2, 5), (2, 30), (2, None), (3, 8), (1, 9)])
@pytest.mark.parametrize("mode", ["centred", "official"])
def test_search_finds_the_textbook_neighbours(size, scale, window, mode):
    torch.manual_seed(0)
    queries = torch.rand(1, 3, *size)
    keys = torch.rand(1, 3, *(length // scale for length in size))
    count = 4 if scale == 3 else 5
    if min(keys.shape[-2:]) < 6:
        count = 1
    options = {"num_neighbors": count, "window": window, "window_mode": mode}
    expected = reference.search(queries, keys, Search(scale=scale, **options))
    index, distance = form.nearest(queries, keys, scale, count, window, mode, 3, 2, False)
    # both round; what differs must be as near
    assert_close(distance, expected.distance, atol=5e-6, rtol=0)
    assert (index == expected.index).float().mean() > 0.999


@pytest.fixture
def _ordered_ties(monkeypatch):
    """As ONNX defines its topk; torch leaves open which of equal values comes first."""

    def smallest(scores, count):
        return scores.argsort(dim=-1, stable=True)[..., :count]

    monkeypatch.setattr(form, "_smallest", smallest)


@pytest.mark.usefixtures("_ordered_ties")
@pytest.mark.parametrize("window", [7, None])
def test_a_query_is_not_its_own_neighbour(window):
    torch.manual_seed(0)
    image = torch.rand(1, 3, 33, 40)
    image[..., 10:30] = 0.5  # more equal patches than neighbours
    options = {"num_neighbors": 3, "window": window, "exclude_self": True}
    expected = reference.search(image, image, Search(scale=1, **options))
    index, _ = form.nearest(image, image, 1, 3, window, "centred", 3, 2, True)
    assert torch.equal(index, expected.index)


@pytest.mark.usefixtures("_ordered_ties")
def test_among_equal_distances_the_lower_number_wins():
    flat = torch.full((1, 3, 40, 50), 0.25)
    expected = reference.search(flat, flat[..., :20, :25], Search(scale=2, window=6))
    index, _ = form.nearest(flat, flat[..., :20, :25], 2, 5, 6, "centred", 3, 2, False)
    assert torch.equal(index, expected.index)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrink_is_imresize_bit_for_bit(size, scale):
    if min(size) < 3 * scale:
        size = (13, 29)
    image = torch.rand(1, 3, *size)
    small = bicubic.shrink(image, scale)
    assert torch.equal(small.clamp(0, 1), downsampled(image, scale))


@pytest.mark.parametrize("cells", [(1, 2), (3, 5), (7, 4)])
def test_adaptive_pooling_is_torchs(cells):
    x = rand(2, 3, 29, 31)
    expected = F.adaptive_max_pool2d(x, cells)
    assert torch.equal(forms()[F.adaptive_max_pool2d](x, cells), expected)


@pytest.mark.parametrize("size", SIZES)
def test_unfold_and_fold_are_the_textbook_ones(size):
    features = torch.rand(1, 4, *size)
    grid = PatchGrid(*size)
    columns = patches.unfold(features)
    assert_close(columns.permute(2, 0, 1)[None], reference.patches(features, grid))
    values = torch.rand_like(columns)
    expected = reference.overlap_mean(values.permute(2, 0, 1)[None], *size, 3, 2)
    assert_close(patches.fold(values, grid.rows, grid.cols, size), expected)


def graph_agg(**options) -> dict:
    return {"type": "GraphAgg", "channels": 8, "scale": 2, "embedder": RGB} | options


def same_scale(**options) -> dict:
    return {"type": "SameScaleKNN", "channels": 8, "embedder": RGB, "window": 9} | options


@pytest.mark.parametrize(
    ("backbone", "aggregator"),
    [
        ({}, None),
        ({"scale": 4, "compact": True}, None),
        ({"type": "RCAN", "num_groups": 2, "num_blocks": 2, "reduction": 4}, graph_agg()),
        ({}, {"type": "NonLocal", "channels": 8, "use_scale": True}),
        ({}, graph_agg(window=6)),
        ({}, graph_agg(window=None, adapn=False, num_neighbors=2)),
        ({"scale": 3}, graph_agg(scale=3, window_mode="official", window=5)),
        ({"scale": 4, "compact": True}, graph_agg(ecn=False, residual=True)),
        ({}, graph_agg(embedder={"type": "CNNEmbedder", "channels": 6})),
        ({}, same_scale()),
        ({}, same_scale(exclude_self=False, adapn=False, ecn=False)),
    ],
)
def test_networks_keep_their_numbers(backbone, aggregator):
    torch.manual_seed(1)  # no two neighbours equally far but for rounding
    config = {"type": "EDSR", "scale": 2, "channels": 8, "num_blocks": 2} | backbone
    network = MODELS.build(config | {"aggregator": aggregator}).eval()
    for parameter in network.parameters():  # where zeros would hide a part
        if parameter.requires_grad and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    for size in ((18, 18), (21, 32), (47, 36)):
        lq = torch.rand(1, 3, *size)
        with torch.inference_mode():
            expected = network(lq)
            with PlainForms():
                found = network(lq)
            assert_close(found, expected, atol=2e-6, rtol=1e-5)
