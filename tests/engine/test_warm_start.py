"""A training starts from the weights that ``init_cfg`` names."""

import torch

from ignn_toolbox.checkpoint import load_checkpoint

GRAPH = {
    "type": "GraphAgg",
    "channels": 4,
    "scale": 2,
    "embedder": {"type": "RGBEmbedder"},
    "residual": True,
}


def test_graph_is_put_into_a_trained_network(train, tmp_path):
    train(tmp_path / "edsr")
    start = tmp_path / "edsr" / "iter_8.pth"
    options = {
        "model.network.aggregator": GRAPH,
        "model.network.init_cfg": {"type": "Pretrained", "checkpoint": str(start)},
        "optim_wrapper.optimizer.lr": 0.0,
        "param_scheduler": None,
    }
    train(tmp_path / "ignn", options)
    before = load_checkpoint(start)["state_dict"]
    after = load_checkpoint(tmp_path / "ignn" / "iter_8.pth")["state_dict"]
    assert all(torch.equal(after[name], value) for name, value in before.items())
    (log,) = (tmp_path / "ignn").glob("*/*.log")
    assert f"tensors taken from {start}: " in log.read_text()
    assert "left as initialised: aggregator.downsample (6)" in log.read_text()
