"""What is drawn is what the network did."""

import numpy as np
import pytest
import torch

from ignn_toolbox.evaluation.recurrence import recurrence_map, recurrence_score
from ignn_toolbox.models import EDSR, GraphAggStar
from ignn_toolbox.visualization.figures import draw_features, draw_query, save_figure
from ignn_toolbox.visualization.inspection import feature_maps, look_up

RGB = {"type": "RGBEmbedder"}


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (30, 41, 3), dtype=np.uint8)


def network(kind="GraphAgg", **options):
    torch.manual_seed(0)
    graph = {"type": kind, "channels": 4, "embedder": RGB, "num_neighbors": 3} | options
    if kind == "GraphAgg":
        graph["scale"] = 2
    return EDSR(scale=2, channels=4, num_blocks=2, aggregator=graph).eval()


def test_query_is_the_patch_around_the_pixel(image):
    net = network()
    assert look_up(net, image, 11, 7).box == (6, 10, 3)
    assert look_up(net, image, 0, 0).box == (0, 0, 3)
    assert look_up(net, image, 40, 29).box == (28, 38, 3)


def test_distances_are_those_of_the_boxes(image):
    query = look_up(network(), image, 11, 7)
    top, left, side = query.box
    own = image[top : top + side, left : left + side] / 255
    for (i, j, size), distance in zip(query.found, query.distances, strict=True):
        other = query.searched[i : i + size, j : j + size] / 255
        # the searched image is rounded to bytes for drawing
        assert np.square(own - other).sum() == pytest.approx(distance, abs=0.1)
    assert query.taken == [(2 * i, 2 * j, 2 * size) for i, j, size in query.found]
    assert sum(query.weights) == pytest.approx(1, abs=1e-5)


def test_same_scale_and_graph_agg_star_have_graphs_too(image):
    query = look_up(network("SameScaleKNN"), image, 11, 7)
    assert query.found == query.taken
    assert query.searched is image
    star = look_up(GraphAggStar(2, RGB, num_neighbors=4), image, 11, 7)
    assert star.weights == [0.25] * 4


def test_features_with_and_without_adapn(image):
    net = network()
    maps = feature_maps(net, image)
    assert maps["features before"].shape == maps["features after"].shape == (30, 41)
    assert maps["aggregated, with AdaPN"].shape == (60, 82)
    plain = feature_maps(network(adapn=False), image)
    for name in ("aggregated, with AdaPN", "aggregated, without AdaPN"):
        np.testing.assert_allclose(maps[name], plain[name], rtol=1e-5, atol=1e-6)
    assert net.aggregator.adapn, "looking changes nothing"
    assert not net.aggregator._forward_pre_hooks


def test_what_has_no_graph_is_named(image):
    plain = EDSR(scale=2, channels=4, num_blocks=2).eval()
    with pytest.raises(ValueError, match="EDSR has no patch graph"):
        look_up(plain, image, 1, 1)
    with pytest.raises(ValueError, match="EDSR with SameScaleKNN has no GraphAgg"):
        feature_maps(network("SameScaleKNN"), image)
    with pytest.raises(ValueError, match="41,0 lies outside the image, which is 41x30"):
        look_up(network(), image, 41, 0)


def test_recurrence_map_is_low_where_the_picture_repeats_itself(image):
    image = np.concatenate([image, np.full_like(image, 128)])
    values = recurrence_map(image)
    assert values.shape == (30, 20)
    assert values[:14].min() > 10
    assert values[18:28].max() < 1
    assert recurrence_score(image) == pytest.approx(values.mean())


@pytest.mark.parametrize("suffix", [".png", ".pdf"])
def test_figures_are_files_of_their_kind_and_repeat(image, suffix, tmp_path):
    start = {".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix]
    net = network()
    for name in "ab":
        save_figure(draw_query(look_up(net, image, 3, 4)), tmp_path / f"{name}{suffix}")
    first, second = (tmp_path / f"{name}{suffix}" for name in "ab")
    assert first.read_bytes().startswith(start)
    assert first.read_bytes() == second.read_bytes()
    with pytest.raises(ValueError, match=r"\.png or \.pdf"):
        save_figure(draw_features(feature_maps(net, image)), tmp_path / "a.svg")
