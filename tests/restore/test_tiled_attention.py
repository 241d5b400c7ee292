"""Networks whose attention looks at the whole picture are restored exactly in tiles."""

import pytest
import torch

from ignn_toolbox.models import CSNLN, EDSR, PANet
from ignn_toolbox.restore.exact import restore_exactly
from ignn_toolbox.restore.tiles import MapStore, TileRun

CROSS = {"type": "CrossScaleAttention", "channels": 4}
PYRAMID = {"type": "PyramidAttention", "channels": 4}
NETWORKS = {
    "CSNLN x2": lambda: CSNLN(2, 4, 2),
    "CSNLN x3": lambda: CSNLN(3, 4, 2),
    "CSNLN x4": lambda: CSNLN(4, 4, 2),
    "CSNLN by concatenation": lambda: CSNLN(2, 4, 3, fusion="concatenation"),
    "CSNLN by sum, in-scale": lambda: CSNLN(2, 4, 2, in_scale=False, fusion="sum"),
    "PA-EDSR x3": lambda: EDSR(3, 4, 3, 0.1, aggregator=PYRAMID | {"identity_scale": 0.1}),
    "PA-EDSR compact": lambda: EDSR(2, 4, 2, compact=True, aggregator=PYRAMID, aggregate_after=2),
    "EDSR with cross-scale attention": lambda: EDSR(4, 4, 2, aggregator=CROSS),
    "EDSR with in-scale attention": lambda: EDSR(
        2, 4, 2, aggregator={"type": "InScaleAttention", "channels": 4, "residual": True}
    ),
    "PANet": lambda: PANet(4, 2, planes=1, aggregator=PYRAMID | {"sampling": "torch2"}),
}


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_tiled_equals_whole(name):
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    for parameter in network.parameters():
        if parameter.requires_grad and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)  # nothing hides behind a zero
    for size, tile, limit in (((41, 33), 19, 2**30), ((24, 50), 25, 0)):  # in memory and in files
        lq = torch.rand(1, network.spec.channels[0], *size)
        tiled = restore_exactly(
            network, lq, TileRun(tile, pytest.fail), MapStore(limit, torch.device("cpu"))
        )
        torch.testing.assert_close(tiled, network(lq), rtol=0, atol=1e-5)
