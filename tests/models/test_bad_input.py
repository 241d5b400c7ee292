"""What does not fit a network is named in one line, or comes out right."""

import pytest
import torch

from ignn_toolbox.apis import init_model
from ignn_toolbox.checkpoint import CheckpointError
from ignn_toolbox.registry import MODELS

RCAN = {
    "type": "RCAN",
    "scale": 2,
    "channels": 8,
    "num_groups": 2,
    "num_blocks": 1,
    "reduction": 2,
}


@pytest.mark.parametrize(
    ("name", "scale", "known"),
    [
        ("LapSRN", 3, "2, 4 or 8"),
        ("DBPN", 3, "2, 4 and 8"),
        ("RDN", 8, "2, 3 and 4"),
        ("RNAN", 8, "1, 2, 3 and 4"),
        ("SRFBN", 5, "2, 3, 4 and 8"),
        ("OISR", 8, "2, 3 and 4"),
        ("SAN", 1, "2, 3, 4 and 8"),
        ("CSNLN", 8, "2, 3 and 4"),
        ("RCAN", 8, "2, 3 and 4"),
        ("SMFANet", 0, "at least 1"),
    ],
)
def test_a_scale_that_a_network_has_not(name, scale, known):
    with pytest.raises(ValueError, match=f"{known}, got {scale}"):
        MODELS.build({"type": name, "scale": scale})


@pytest.mark.parametrize(
    "config",
    [
        {"type": "VDSR", "scale": 2, "channels": 4, "num_blocks": 1},
        {"type": "NLRN", "scale": 2, "channels": 4, "inner": 2, "num_steps": 1, "colour": "luma"},
    ],
    ids=lambda c: c["type"],
)
def test_a_coloured_picture_goes_through_a_network_of_luma(config):
    torch.manual_seed(0)
    restorer = MODELS.build({"type": "Restorer", "network": config}).eval()
    colour = torch.rand(1, 3, 12, 10)
    (sample,) = restorer.predict(colour)
    assert sample.pred_img.shape == (3, 24, 20)
    grey = colour.mean(1, keepdim=True)
    (sample,) = restorer.predict(grey.expand(-1, 3, -1, -1))
    assert sample.pred_img.std(0).max() <= 1e-5, "grey stays grey"
    with pytest.raises(ValueError, match=r"takes 1 channels \(luma\)"):
        restorer.network(colour)


@pytest.mark.parametrize(
    ("config", "size", "least"),
    [
        ({"type": "N3Net"}, (79, 90), 80),
        ({"type": "SMFANet", "scale": 2}, (7, 20), 8),
        ({"type": "SAN", "scale": 2, "num_groups": 1, "num_blocks": 1}, (3, 9), 4),
        ({"type": "GCDN", "channels": 6, "rank": 2}, (4, 9), 5),
        (
            {
                "type": "SMFANet",
                "scale": 2,
                "aggregator": {"type": "RelaxedNeighbors", "channels": 36},
            },
            (90, 79),
            80,
        ),
        (
            {
                "type": "EDSR",
                "scale": 2,
                "aggregator": {"type": "GraphConvolution", "channels": 64},
            },
            (9, 4),
            5,
        ),
    ],
    ids=lambda case: case["type"] if isinstance(case, dict) else None,
)
def test_a_picture_below_the_smallest(config, size, least):
    network = MODELS.build(config)
    planes = network.spec.channels[0]
    height, width = size
    with pytest.raises(ValueError, match=f"{height}x{width} image .* needs at least {least}x"):
        network(torch.rand(1, planes, height, width))


def test_a_neighbours_checkpoint(tmp_path, shared_dir):
    network = MODELS.build(RCAN)
    stored = {f"network.{name}": value for name, value in network.state_dict().items()}
    own = {"type": "Restorer", "network": RCAN}
    torch.save({"meta": {"config": own, "scale": 2}, "state_dict": stored}, tmp_path / "rcan.pth")
    with pytest.raises(CheckpointError, match="holds weights of RCAN, but this model is SAN"):
        init_model("san_x2", tmp_path / "rcan.pth")
    theirs = shared_dir / "weights" / "smfanet" / "SMFANet_DIV2K_100w_x2SR.pth"
    with pytest.raises(CheckpointError, match="a checkpoint of SMFANet's authors.*ignn import"):
        init_model("san_x2", theirs)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_map_in_second_order_pooling(value):
    torch.manual_seed(0)
    hosted = {"type": "SecondOrderAttention", "channels": 8, "reduction": 2}
    config = {"type": "EDSR", "scale": 2, "channels": 8, "num_blocks": 2, "aggregator": hosted}
    network = MODELS.build(config)
    lq = torch.full((1, 3, 9, 12), value, requires_grad=True)
    out = network(lq)
    out.sum().backward()
    assert out.isfinite().all()
    assert lq.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.requires_grad)
