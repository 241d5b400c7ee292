"""The weights that are drawn are those that the attention used."""

import numpy as np
import pytest
import torch

from ignn_toolbox.models import (
    CSNLN,
    EDSR,
    CrossScaleAttention,
    InScaleAttention,
    NonLocal,
    PyramidAttention,
)
from ignn_toolbox.visualization.attention import attended_from
from ignn_toolbox.visualization.figures import draw_attention


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "module",
    [
        CrossScaleAttention(4),
        CrossScaleAttention(4, 4),
        InScaleAttention(4),
        PyramidAttention(4, levels=3, identity_scale=0.0),
    ],
    ids=lambda m: f"{type(m).__name__} {m.scales[0]}",
)
@torch.no_grad()
def test_weights_are_the_softmax_of_products_of_patches(module):
    torch.manual_seed(0)
    module, features = module.double(), torch.randn(1, 4, 12, 16).double()
    row, col, size, sizes = 5, 7, module.size, module.searched_sizes(12, 16)
    weights = module.weights_from(features, row, col)
    assert [w.shape for w in weights] == sizes

    def patches(x):
        return torch.nn.functional.unfold(x, size, padding=size // 2)[0]

    query = patches(module.match_queries(features))[:, row * 16 + col]
    maps = [module.searched(features, n, slice(0, h))[0] for n, (h, _) in enumerate(sizes)]
    keys = torch.cat([patches(key) for key in maps], 1)
    if size > 1:
        keys = keys / keys.norm(dim=0).clamp_min(1e-4)
    expected = (module.softmax_scale * (query @ keys)).softmax(0)
    torch.testing.assert_close(torch.cat([w.flatten() for w in weights]), expected)


def test_every_attention_of_a_network_is_drawn(image):
    found = attended_from(CSNLN(4, 4, 2).eval(), image, 3, 2)
    assert [(a.name.split(".")[-1], a.place) for a in found] == [
        ("in_scale", (2, 3)),
        ("cross_scale", (2, 3)),
        ("in_scale", (4, 6)),
        ("cross_scale", (4, 6)),
    ]
    assert [a.maps[0].shape for a in found] == [(12, 16), (6, 8), (24, 32), (12, 16)]
    draw_attention(image, found)
    number, row, col, weight = found[0].strongest(1)[0]
    assert found[number].maps[0][row, col] == weight == found[0].maps[0].max()


@pytest.mark.parametrize("sub_sample", [False, True])
def test_the_non_local_block_too(image, sub_sample):
    block = {"type": "NonLocal", "channels": 4, "sub_sample": sub_sample}
    network = EDSR(2, 4, 2, aggregator=block).eval()
    (found,) = attended_from(network, image, 15, 11)
    assert found.maps[0].shape == ((6, 8) if sub_sample else (12, 16))
    assert found.maps[0].sum() == pytest.approx(1, abs=1e-5)
    assert isinstance(network.aggregator, NonLocal)


def test_what_has_no_attention_is_named(image):
    with pytest.raises(ValueError, match="EDSR has no attention"):
        attended_from(EDSR(2, 4, 1).eval(), image, 1, 1)
    with pytest.raises(ValueError, match="16,0 lies outside"):
        attended_from(CSNLN(2, 4, 1).eval(), image, 16, 0)
