"""GraphAgg* averages the image's own patches."""

import pytest
import torch

from ignn_toolbox.models import Given, GraphAggStar
from ignn_toolbox.models.aggregators.graph_agg import downsampled
from ignn_toolbox.ops import reference

RGB = {"type": "RGBEmbedder"}


@pytest.mark.parametrize(("scale", "size"), [(2, (14, 18)), (3, (21, 27)), (4, (28, 20))])
def test_is_the_mean_of_the_neighbours_maps(scale, size):
    torch.manual_seed(0)
    network = GraphAggStar(scale, RGB, num_neighbors=3)
    lq = torch.rand(2, 3, *size)  # the searched images' sides are odd: whole patches
    expected = reference.aggregate(lq, network.average.build_graph(lq), adapn=False).mean(1)
    torch.testing.assert_close(network(lq), expected, rtol=1e-4, atol=1e-5)


def test_constant_stays_constant_and_nothing_is_learnt():
    network = GraphAggStar(2, RGB)
    assert not list(network.parameters())
    for height, width in ((16, 17), (14, 15), (19, 24)):
        flat = torch.full((1, 3, height, width), 0.25)
        torch.testing.assert_close(network(flat), torch.full((1, 3, 2 * height, 2 * width), 0.25))


def test_downsampled_image_and_graph_may_be_given():
    network = GraphAggStar(2, RGB)
    lq = torch.rand(1, 3, 17, 20)
    lq_down = downsampled(lq, 2)
    graph = network.average.build_graph(lq, lq_down)
    torch.testing.assert_close(network(lq, Given(graph=graph)), network(lq, Given(lq_down)))


def test_periodic_picture_is_continued_exactly():
    """Period 8 and its half meet in the downsampled stripes: a picture of stripes of half the
    period enlarges to stripes that are in it already."""
    network = GraphAggStar(2, RGB, num_neighbors=1, window=None)
    row = torch.zeros(64)
    row[:32] = ((torch.arange(32) // 8) % 2).float()  # wide stripes ...
    row[32:] = ((torch.arange(32) // 4) % 2).float()  # ... and what they look like half as large
    lq = row.expand(1, 3, 64, 64).clone()
    sr = network(lq)
    narrow = sr[..., 72:120]
    assert (narrow - narrow.round()).abs().max() < 1e-5, "sharp edges, no grey between"


def test_smallest_image_is_the_one_it_says():
    network = GraphAggStar(2, RGB)
    network(torch.rand(1, 3, network.spec.min_size, network.spec.min_size))
    with pytest.raises(ValueError, match="at least 12x12"):
        network(torch.rand(1, 3, 11, 11))
