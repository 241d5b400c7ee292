"""The official test procedure cuts the tiles that the released code cuts."""

import pytest
import torch
from torch import nn

from ignn_toolbox.models import (
    EDSR,
    Attention,
    Given,
    GraphAgg,
    Network,
    NetworkSpec,
    OfficialChop,
    Restorer,
)
from ignn_toolbox.models.aggregators.graph_agg import downsampled


class Recorder(Network):
    """Enlarges by repeating pixels and remembers the tiles it was given."""

    def __init__(self, scale, graph_scale):
        super().__init__()
        self.spec = NetworkSpec(scale, (1, 1), "grey", chop=GraphAgg.chop)
        self.aggregator = Attention()
        self.aggregator.scales = (graph_scale,)
        self.aggregator.takes = ("image_down",)
        self.tiles = []

    def forward(self, lq, given=None):
        self.tiles.append((lq, given.image_down))
        return lq.repeat_interleave(self.spec.scale, -1).repeat_interleave(self.spec.scale, -2)


@pytest.mark.parametrize(
    ("scale", "size", "count", "leaf"),
    [
        (2, (256, 256), 4, (140, 140)),
        (2, (384, 512), 16, (114, 146)),
        (2, (678, 1020), 64, (104, 148)),
        (4, (339, 510), 16, (103, 144)),
    ],
)
def test_tiles_of_the_released_code(scale, size, count, leaf):
    network = Recorder(scale, 2)
    lq = torch.rand(1, 1, *size)
    sr = OfficialChop(network)(lq, Given(torch.rand(1, 1, size[0] // 2, size[1] // 2)))
    assert len(network.tiles) == count
    assert {tuple(tile.shape[-2:]) for tile, _ in network.tiles} == {leaf}
    expected = lq.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    assert torch.equal(sr, expected), "every pixel lands at its place"


@pytest.mark.parametrize(("graph_scale", "size"), [(2, (61, 84)), (3, (65, 70)), (2, (301, 207))])
def test_tiles_of_the_downsampled_image_belong_to_those_of_the_image(graph_scale, size):
    """A ramp downsamples to a ramp: both tiles show the same part of it."""
    network = Recorder(graph_scale, graph_scale)
    lq = (torch.arange(size[0])[:, None] + 10.0 * torch.arange(size[1])).expand(1, 1, *size)
    mean = nn.functional.avg_pool2d(lq, graph_scale)
    OfficialChop(network)(lq, Given(mean))
    for tile, down in network.tiles:
        torch.testing.assert_close(nn.functional.avg_pool2d(tile, graph_scale), down)


def graph_restorer(**options):
    graph = {"type": "GraphAgg", "channels": 4, "scale": 2, "embedder": {"type": "RGBEmbedder"}}
    network = {"type": "EDSR", "scale": 2, "channels": 4, "num_blocks": 2, "aggregator": graph}
    torch.manual_seed(0)
    return Restorer(network, **options).eval()


def test_restorer_predicts_in_tiles_on_request():
    lq = torch.rand(1, 3, 40, 51)
    whole, official = (graph_restorer(test_procedure=p) for p in ("whole", "official"))
    with torch.no_grad():
        expected = OfficialChop(official.network)(lq)
    assert torch.equal(official.predict(lq)[0].pred_img, expected[0].clamp(0, 1))
    assert not torch.equal(whole.predict(lq)[0].pred_img, official.predict(lq)[0].pred_img)


def test_self_ensemble_shares_one_downsampled_image(monkeypatch):
    restorer = graph_restorer(test_procedure="official", self_ensemble=True)
    seen = []
    inner = restorer.network.forward
    monkeypatch.setattr(
        restorer.network,
        "forward",
        lambda x, given: seen.append(given.image_down) or inner(x, given),
    )
    lq = torch.rand(1, 3, 31, 30)
    restorer.predict(lq)
    assert len(seen) == 8 * 4
    assert torch.equal(seen[0], downsampled(lq, 2)[..., :13, :13])


def test_plain_network_is_cut_too_and_small_images_are_refused():
    network = EDSR(scale=2, channels=4, num_blocks=1).eval()
    with torch.no_grad():
        lq = torch.rand(1, 3, 50, 60)
        # 10 pixels of overlap exceed the reach of six 3x3 convolutions
        torch.testing.assert_close(OfficialChop(network)(lq), network(lq), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="at least 20x20"):
        OfficialChop(network)(torch.rand(1, 3, 19, 30))
    with pytest.raises(ValueError, match="'tiled'"):
        graph_restorer(test_procedure="tiled")
