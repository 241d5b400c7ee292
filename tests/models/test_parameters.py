"""Published parameter counts, fixed numbers included."""

import pytest
import torch

from ignn_toolbox.engine.config import load_config
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo.index import bundled_configs

EDSR = {2: 40_729_627, 3: 43_680_027, 4: 43_089_947}
IGNN = {2: 47_152_233, 3: 50_102_633, 4: 49_512_553}
IGNN_TRAINABLE = {2: 47_113_477, 3: 50_063_877, 4: 49_473_797}
FULL = {"type": "EDSR", "channels": 256, "num_blocks": 32, "res_scale": 0.1}


def graph(scale):
    graph_scale = 3 if scale == 3 else 2
    embedder = {"type": "VGGEmbedder"}
    return {"type": "GraphAgg", "channels": 256, "scale": graph_scale, "embedder": embedder}


def build(config):
    with torch.device("meta"):  # sizes without memory
        return MODELS.build(config)


def count(module, trainable=False):
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_edsr_has_the_published_parameters(scale):
    assert count(build(FULL | {"scale": scale})) == EDSR[scale]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_ignn_has_the_published_parameters(scale):
    network = build(FULL | {"scale": scale, "aggregator": graph(scale)})
    assert count(network) == IGNN[scale]
    assert count(network, trainable=True) == IGNN_TRAINABLE[scale]


def test_parts_of_ignn_have_the_published_parameters():
    network = build(FULL | {"scale": 2, "aggregator": graph(2)})
    aggregator = network.aggregator
    assert count(network.stem) == 7_168
    assert count(network.blocks[:16]) == 18_882_560
    assert count(network.blocks[16:]) + count(network.body_end) == 19_472_640
    assert count(aggregator.fuse) == count(network.fuse_hr) == 1_769_984
    assert count(aggregator.downsample) == 2_818_816
    assert count(aggregator.edge_lr) == count(aggregator.edge_hr) == 12_545
    assert count(aggregator.embedder) == 38_720 + 12
    assert count(network.upsampler) == 2_360_320
    assert count(network.output) == 6_915


@pytest.mark.parametrize("name", [name for name in bundled_configs() if "tiny" in name])
def test_tiny_networks_stay_tiny(name):

    config = load_config(bundled_configs()[name])
    assert count(build(config.model.network)) <= 350_000
