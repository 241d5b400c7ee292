"""Any aggregator, in any backbone, after any block, at every scale."""

import copy

import pytest
import torch

from ignn_toolbox.models import Given
from ignn_toolbox.registry import MODELS

CHANNELS = 6
BACKBONES = {
    "EDSR": {"type": "EDSR", "channels": CHANNELS, "num_blocks": 2},
    "EDSR compact": {"type": "EDSR", "channels": CHANNELS, "num_blocks": 2, "compact": True},
    "RCAN": {
        "type": "RCAN",
        "channels": CHANNELS,
        "num_groups": 2,
        "num_blocks": 1,
        "reduction": 2,
    },
    "SMFANet": {"type": "SMFANet", "channels": CHANNELS, "num_blocks": 2},
}
TO_IMAGE = ("EDSR compact", "SMFANet")  # whose last stage makes the picture
CNN = {"type": "CNNEmbedder", "channels": 4}
RGB = {"type": "RGBEmbedder"}
AGGREGATORS = {
    "none": None,
    "GraphAgg": {"type": "GraphAgg", "embedder": CNN, "ecn_channels": 4},
    "GraphAgg residual": {"type": "GraphAgg", "embedder": RGB, "residual": True, "window": 3},
    "GraphAgg plain": {
        "type": "GraphAgg",
        "embedder": RGB,
        "adapn": False,
        "ecn": False,
        "distance_divisor": 0.1,
        "neighbors": "random",
    },
    "SameScaleKNN": {"type": "SameScaleKNN", "embedder": RGB, "ecn_channels": 4},
    "NonLocal": {"type": "NonLocal"},
    "NonLocal sub-sampled": {"type": "NonLocal", "sub_sample": True},
    "CrossScaleAttention": {"type": "CrossScaleAttention"},
    "InScaleAttention": {"type": "InScaleAttention", "residual": True},
    "PyramidAttention": {"type": "PyramidAttention", "reduction": 3},
}
# What the rivals are made of; all alike to a backbone, so that one backbone hosts them here.
OF_RIVALS = {
    "GraphConvolution": {"type": "GraphConvolution", "rank": 2, "window": 11},
    "RelaxedNeighbors": {
        "type": "RelaxedNeighbors",
        "num_neighbors": 2,
        "patch": 4,
        "stride": 2,
        "window": 3,
        "hidden": 4,
    },
    "QuerySoftmax": {"type": "QuerySoftmax"},
    "RegionNonLocal": {"type": "RegionNonLocal", "reduction": 2},
    "MaskedBlock": {"type": "MaskedBlock"},
    "SecondOrderAttention": {"type": "SecondOrderAttention", "reduction": 2},
}
# None of these sizes is a multiple of the graphs' scales; the last is the least that serves all.
SIZES = [(19, 23), (25, 20), (18, 18)]


def cases():
    for backbone in BACKBONES:
        for aggregator, config in AGGREGATORS.items():
            places = (2,) if backbone in TO_IMAGE else (1, 2)
            for after in (None,) if config is None else places:
                for scale in (2, 3, 4):
                    yield pytest.param(
                        backbone,
                        aggregator,
                        after,
                        scale,
                        id=f"{backbone}-{aggregator}-{after}-x{scale}",
                    )
    for aggregator in OF_RIVALS:
        for backbone in ("EDSR", "SMFANet"):
            yield pytest.param(backbone, aggregator, 1, 2, id=f"{backbone}-{aggregator}-1-x2")


def network_of(backbone, aggregator, after, scale):
    config = copy.deepcopy(BACKBONES[backbone]) | {"scale": scale}
    chosen = (AGGREGATORS | OF_RIVALS)[aggregator]
    if chosen is not None:
        chosen = copy.deepcopy(chosen) | {"channels": CHANNELS}
        if chosen["type"] in ("GraphAgg", "CrossScaleAttention"):
            chosen["scale"] = scale if scale == 3 or backbone == "SMFANet" else 2
        config |= {"aggregator": chosen, "aggregate_after": after}
    torch.manual_seed(0)
    network = MODELS.build(config)
    for parameter in network.parameters():
        if parameter.requires_grad and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)  # nothing hides behind a zero
    return network, config


@pytest.mark.parametrize(("backbone", "aggregator", "after", "scale"), list(cases()))
def test_every_combination(backbone, aggregator, after, scale):
    network, config = network_of(backbone, aggregator, after, scale)
    size = tuple(max(n, network.spec.min_size) for n in SIZES[scale - 2])
    lq = torch.rand(2, 3, *size)

    # forward and backward: a gradient reaches every part
    sr = network.train()(lq)
    assert sr.shape == (2, 3, scale * size[0], scale * size[1])
    (sr - 0.5).square().mean().backward()
    reached = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            part = ".".join(name.split(".")[: 2 if name.startswith(("aggre", "blocks")) else 1])
            reached[part] = reached.get(part, False) or bool(parameter.grad.any())
    assert all(reached.values()), reached

    # the same numbers in evaluation, for each picture alone, and from a copy of the weights
    with torch.no_grad():
        found = network.eval()(lq)
        if not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules()):
            torch.testing.assert_close(found, sr, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(network(lq[1:]), found[1:], rtol=1e-4, atol=1e-5)
        twin = MODELS.build(config).eval()
        twin.load_state_dict(network.state_dict())
        assert torch.equal(twin(lq), network(lq))

    # an image too small is refused by its size, the smallest that is allowed works
    least = network.spec.min_size
    with torch.no_grad():
        assert network(torch.rand(1, 3, least, least)).shape[-1] == scale * least
    if least > 1:
        with pytest.raises(ValueError, match=f"at least {least}x{least}"):
            network(torch.rand(1, 3, least - 1, least + 5))


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("aggregator", [name for name in AGGREGATORS if name.startswith("Graph")])
def test_graph_of_the_aggregator_can_be_handed_in(backbone, aggregator):
    network, _ = network_of(backbone, aggregator, 1, 2)
    lq = torch.rand(1, 3, 20, 23)
    graph = network.aggregator.build_graph(lq)
    with torch.no_grad():
        torch.testing.assert_close(network(lq, Given(graph=graph)), network(lq), rtol=0, atol=0)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("after", [0, 3])
def test_there_is_no_block_beyond_the_last(backbone, after):
    config = BACKBONES[backbone] | {"scale": 2, "aggregate_after": after}
    config["aggregator"] = {"type": "NonLocal", "channels": CHANNELS}
    with pytest.raises(ValueError, match=rf"aggregate_after={after} must lie in 1\.\.2"):
        MODELS.build(config)
