"""Parts of a network that train while the others keep their weights."""

import pytest
import torch

from ignn_toolbox.datasets import SRDataSample
from ignn_toolbox.registry import MODELS

TRUNK = {"type": "SMFANet", "scale": 2, "channels": 8, "num_blocks": 2}
NEW = ("aggregator", "fuse_hr")
AGGREGATORS = {
    "GraphAgg": {
        "type": "GraphAgg",
        "channels": 8,
        "scale": 2,
        "embedder": {"type": "RGBEmbedder"},
        "num_neighbors": 2,
        "ecn_channels": 4,
        "residual": True,
    },
    "CrossScaleAttention": {"type": "CrossScaleAttention", "channels": 8},
    "PyramidAttention": {"type": "PyramidAttention", "channels": 8, "residual": True},
    "GraphConvolution": {"type": "GraphConvolution", "channels": 8, "rank": 2, "window": 11},
    "RelaxedNeighbors": {
        "type": "RelaxedNeighbors",
        "channels": 8,
        "patch": 4,
        "stride": 2,
        "window": 5,
    },
}


def restorer(network, **options):
    torch.manual_seed(0)
    return MODELS.build(
        {"type": "Restorer", "network": network, "loss": {"type": "L1Loss"}, **options}
    )


def samples(lq):
    gt = torch.rand(len(lq), lq.shape[1], 2 * lq.shape[2], 2 * lq.shape[3])
    return [SRDataSample(gt_img=image) for image in gt]


@pytest.mark.parametrize("name", AGGREGATORS)
def test_only_what_was_put_into_a_trunk_is_trained(name):
    trunk = restorer(TRUNK).network.eval()
    enlarges = name in ("GraphAgg", "CrossScaleAttention")
    parts = NEW if enlarges else NEW[:1]
    model = restorer(TRUNK | {"aggregator": AGGREGATORS[name]}, train_only=parts)
    missing, unexpected = model.network.load_state_dict(trunk.state_dict(), strict=False)
    assert not unexpected
    assert all(key.startswith(NEW) for key in missing)
    lq = torch.rand(2, 3, 20, 18)
    with torch.no_grad():  # it starts as the trunk
        torch.testing.assert_close(model.network(lq), trunk(lq), rtol=0, atol=1e-6)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()(lq, samples(lq), mode="loss")["loss"].backward()
    optimizer.step()
    changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    assert all(key.startswith(tuple(f"network.{part}." for part in NEW)) for key in changed)


def test_statistics_of_what_does_not_train_stay():
    model = restorer(
        {"type": "DnCNN", "channels": 4, "num_layers": 4}, train_only=["blocks.1", "output"]
    ).train()
    first, second = (block.norm for block in model.network.blocks)
    assert not first.training
    assert second.training
    assert model.network.output.weight.requires_grad
    assert not model.network.stem.weight.requires_grad
    model.eval()
    assert not second.training


def test_parts_that_are_not_there_are_named():
    with pytest.raises(ValueError, match="no part 'agregator'; nearest: aggregator"):
        restorer(TRUNK | {"aggregator": AGGREGATORS["GraphAgg"]}, train_only=["agregator"])
    with pytest.raises(ValueError, match="no part 'aggregator'; nearest: stem, blocks, output"):
        restorer(TRUNK, train_only=["aggregator"])
    with pytest.raises(ValueError, match="leaves nothing to train"):
        restorer({"type": "EDSR", "scale": 2, "channels": 4}, train_only=["sub_mean"])


def test_an_aggregator_whose_result_fits_nowhere_is_refused():
    twice = {"type": "CrossScaleAttention", "channels": 8, "scale": 2}
    with pytest.raises(ValueError, match="no stage of the upsampler of this x4 SMFANet, which"):
        restorer(TRUNK | {"scale": 4, "aggregator": twice})
    with pytest.raises(ValueError, match="PANet keeps the picture's size"):
        MODELS.build({"type": "PANet", "channels": 8, "num_blocks": 2, "aggregator": twice})
