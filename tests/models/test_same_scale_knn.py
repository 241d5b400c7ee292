"""Same-scale KNN and the random-neighbour control."""

import pytest
import torch

from ignn_toolbox.models import GraphAgg, SameScaleKNN
from ignn_toolbox.ops import Search, reference, search

RGB = {"type": "RGBEmbedder"}


def test_own_patch_is_left_out_unless_asked_for():
    image = torch.rand(2, 3, 17, 20)
    without = SameScaleKNN(4, RGB).build_graph(image)
    own = torch.arange(8 * 10).view(8, 10, 1)
    assert (without.index != own).all()
    assert (without.distance > 0).all()
    with_self = SameScaleKNN(4, RGB, exclude_self=False).build_graph(image)
    assert torch.equal(with_self.index[..., 0], own[..., 0].expand(2, -1, -1))
    torch.testing.assert_close(with_self.index[..., 1:], without.index[..., :4], rtol=0, atol=0)


def test_sums_the_neighbours_of_the_textbook():
    """One neighbour, identity embedding, last fusion read off: the plain gathered map remains."""
    torch.manual_seed(0)
    module = SameScaleKNN(3, RGB, num_neighbors=3, ecn=False, distance_divisor=0.1).double()
    image = torch.rand(1, 3, 13, 11)
    features = torch.randn(1, 3, 13, 11, dtype=torch.double)
    graph = module.build_graph(image)
    maps = reference.aggregate(features, graph)
    folded = module.edge_weights(None, None, graph)[0].double()
    expected = sum(
        module.downsample(maps[:, r]) * folded[:, r, None] for r in range(graph.num_neighbors)
    )
    out = module(features, image)
    torch.testing.assert_close(out, module.fuse(features, expected), rtol=1e-6, atol=1e-6)


def test_smallest_image_is_the_one_it_says():
    module = SameScaleKNN(2, RGB, num_neighbors=4)
    side = module.min_size
    module(torch.rand(1, 2, side, side), torch.rand(1, 3, side, side))
    with pytest.raises(ValueError, match=f"at least {side}x{side}"):
        module(torch.rand(1, 2, side - 1, side - 1), torch.rand(1, 3, side - 1, side - 1))


@pytest.mark.parametrize("window", [4, None])
def test_random_neighbours_lie_in_the_window_and_differ(window):
    queries, keys = torch.rand(2, 3, 30, 26), torch.rand(2, 3, 15, 13)
    graph = search(queries, keys, Search(2, 5, window, neighbors="random"))
    allowed = reference.search(queries, keys, Search(2, 16, window))
    for row in graph.index.flatten(0, 2):
        assert len(set(row.tolist())) == 5
    if window is not None:  # the 16 nearest of a 4x4 window are all of it
        inside = (graph.index[..., None] == allowed.index[..., None, :]).any(-1)
        assert inside.all()
    assert torch.equal(graph.index[0], graph.index[1])


def test_random_neighbours_have_their_own_distances_and_repeat():
    queries, keys = torch.rand(1, 3, 18, 18), torch.rand(1, 3, 9, 9)
    how = Search(2, 3, neighbors="random")
    graph = search(queries, keys, how)
    everything = search(queries, keys, Search(2, 16))
    place = (everything.index[..., None, :] == graph.index[..., None]).float().argmax(-1)
    torch.testing.assert_close(graph.distance, everything.distance.gather(-1, place))
    again = search(torch.rand(1, 3, 18, 18), keys, how)
    assert torch.equal(graph.index, again.index)


def test_random_neighbours_leave_oneself_out():
    image = torch.rand(1, 3, 12, 12)
    graph = search(image, image, Search(1, 35, exclude_self=True, neighbors="random"))
    assert (graph.index != torch.arange(36).view(1, 6, 6, 1)).all()


def test_option_of_the_graph_is_checked():
    with pytest.raises(ValueError, match="'farthest'"):
        GraphAgg(4, 2, RGB, neighbors="farthest")
    graph = GraphAgg(4, 2, RGB, neighbors="random").build_graph(torch.rand(1, 3, 20, 20))
    assert graph.num_neighbors == 5
