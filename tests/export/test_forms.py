"""The export forms, run by torch, equal the operators and networks that they stand for."""

import pytest
import torch
from torch.testing import assert_close

from ignn_toolbox.export import ExportError, ExportForm, patches
from ignn_toolbox.models.aggregators.graph_agg import downsampled
from ignn_toolbox.ops import Search, reference
from ignn_toolbox.ops.patches import PatchGrid
from ignn_toolbox.registry import MODELS

SIZES = [(12, 12), (13, 26), (47, 30), (64, 96)]
RGB = {"type": "RGBEmbedder"}


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
    found = patches.search(queries, keys, scale, count, window, mode, False)
    assert (found.rows, found.cols) == tuple(expected.index.shape[1:3])
    # both round; what differs must be as near
    query = reference.patches(queries, expected.query_grid).flatten(2)[0, :, None]
    key = reference.patches(keys, expected.key_grid).flatten(2)[0]
    distance = (query - key[found.index]).square().sum(-1)
    assert_close(distance, expected.distance.flatten(0, 2), atol=5e-6, rtol=0)
    assert (found.index == expected.index.flatten(0, 2)).float().mean() > 0.999


@pytest.fixture
def _ordered_ties(monkeypatch):
    """As ONNX defines its topk; torch leaves open which of equal values comes first."""

    def smallest(scores, count):
        return scores.argsort(dim=-1, stable=True)[..., :count]

    monkeypatch.setattr(patches, "_smallest", smallest)


@pytest.mark.usefixtures("_ordered_ties")
@pytest.mark.parametrize("window", [7, None])
def test_a_query_is_not_its_own_neighbour(window):
    torch.manual_seed(0)
    image = torch.rand(1, 3, 33, 40)
    image[..., 10:30] = 0.5  # more equal patches than neighbours
    options = {"num_neighbors": 3, "window": window, "exclude_self": True}
    expected = reference.search(image, image, Search(scale=1, **options))
    found = patches.search(image, image, 1, 3, window, "centred", True)
    assert torch.equal(found.index, expected.index.flatten(0, 2))


@pytest.mark.usefixtures("_ordered_ties")
def test_among_equal_distances_the_lower_number_wins():
    flat = torch.full((1, 3, 40, 50), 0.25)
    expected = reference.search(flat, flat[..., :20, :25], Search(scale=2, window=6))
    found = patches.search(flat, flat[..., :20, :25], 2, 5, 6, "centred", False)
    assert torch.equal(found.index, expected.index.flatten(0, 2))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrink_is_imresize_bit_for_bit(size, scale):
    if min(size) < 3 * scale:
        size = (13, 29)
    image = torch.rand(1, 3, *size)
    small = patches.shrink(image, scale, patches.shrink_weights(scale))
    assert torch.equal(small.clamp(0, 1), downsampled(image, scale))


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
    torch.manual_seed(0)
    config = {"type": "EDSR", "scale": 2, "channels": 8, "num_blocks": 2} | backbone
    network = MODELS.build(config | {"aggregator": aggregator}).eval()
    for parameter in network.parameters():  # where zeros would hide a part
        if parameter.requires_grad and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    form = ExportForm(network)
    for size in ((18, 18), (21, 32), (47, 36)):
        lq = torch.rand(1, 3, *size)
        with torch.inference_mode():
            assert_close(form(lq), network(lq), atol=2e-6, rtol=1e-5)
    assert type(network.aggregator).__name__ != "PatchForm"
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.filterwarnings("ignore:VGGEmbedder")
def test_an_embedder_gets_its_weights_before_it_is_traced():
    config = {"type": "EDSR", "scale": 2, "channels": 8, "num_blocks": 1}
    embedder = {"type": "VGGEmbedder", "weights": "random"}
    network = MODELS.build(config | {"aggregator": graph_agg(embedder=embedder)}).eval()
    form = ExportForm(network)
    assert form.network.aggregator.own.embedder._ready
    lq = torch.rand(1, 3, 20, 27)
    with torch.inference_mode():
        assert_close(form(lq), network(lq), atol=2e-6, rtol=1e-5)
    missing = graph_agg(embedder={"type": "VGGEmbedder", "weights": "none.pth"})
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        ExportForm(MODELS.build(config | {"aggregator": missing}))


def test_random_neighbours_are_refused():
    config = {"type": "EDSR", "scale": 2, "channels": 8, "num_blocks": 1}
    network = MODELS.build(config | {"aggregator": graph_agg(neighbors="random")})
    with pytest.raises(ExportError, match="neighbors='random' is a control"):
        ExportForm(network)
