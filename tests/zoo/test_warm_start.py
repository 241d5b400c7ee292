"""A network may start from another one's weights, and says which it took."""

import pytest
import torch

from ignn_toolbox.engine.config import check_config
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo.warm_start import warm_start

GRAPH = {
    "type": "GraphAgg",
    "channels": 8,
    "scale": 2,
    "embedder": {"type": "RGBEmbedder"},
    "residual": True,
}


def edsr(**changes):
    return {"type": "EDSR", "scale": 2, "channels": 8, "num_blocks": 2, "compact": True} | changes


@pytest.fixture
def trained(tmp_path):
    """A restorer with an EDSR, and its checkpoint."""
    restorer = MODELS.build({"type": "Restorer", "network": edsr()})
    path = tmp_path / "edsr.pth"
    torch.save({"meta": {}, "state_dict": restorer.state_dict()}, path)
    return restorer.eval(), path


def test_graph_network_starts_as_the_edsr_that_it_is_given(trained):
    restorer, path = trained
    init = {"type": "Pretrained", "checkpoint": str(path)}
    config = {"type": "Restorer", "network": edsr(aggregator=GRAPH, init_cfg=init)}
    check_config({"model": config})
    started = MODELS.build(config)
    started.init_weights()
    lq = torch.rand(1, 3, 13, 15)
    torch.testing.assert_close(started(lq), restorer(lq), rtol=0, atol=0)


def test_report_names_what_was_and_was_not_taken(trained):
    _, path = trained
    network = MODELS.build(edsr(aggregator=GRAPH))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    report = warm_start(network, path)
    assert set(report.taken) | set(report.fresh) == set(before)
    assert all(name.startswith(("aggregator.", "fuse_hr.")) for name in report.fresh)
    assert report.reshaped == report.unused == []
    for name in report.fresh:
        torch.testing.assert_close(network.state_dict()[name], before[name], rtol=0, atol=0)
    assert "blocks (8)" in str(report)
    assert "aggregator.downsample (6)" in str(report)


def test_other_scale_keeps_its_own_upsampler(trained):
    _, path = trained
    report = warm_start(MODELS.build(edsr(scale=3)), path)
    assert report.reshaped == ["upsampler.0.conv.weight", "upsampler.0.conv.bias"]
    assert "2 of another shape" in str(report)


def test_fewer_blocks_leave_some_out(trained):
    _, path = trained
    report = warm_start(MODELS.build(edsr(num_blocks=1)), path)
    assert report.unused == [
        f"blocks.1.{layer}.{kind}" for layer in ("conv1", "conv2") for kind in ("weight", "bias")
    ]


def test_more_blocks_start_as_identity(trained):
    restorer, path = trained
    deeper = MODELS.build(edsr(num_blocks=5))
    report = warm_start(deeper, path)
    assert report.identity == [2, 3, 4]
    assert "blocks 2, 3, 4 start as identity" in str(report)
    lq = torch.rand(1, 3, 9, 8)
    torch.testing.assert_close(deeper(lq), restorer(lq), rtol=0, atol=0)


def test_more_groups_of_rcan_start_as_identity(tmp_path):
    config = {"type": "RCAN", "scale": 2, "channels": 8, "num_blocks": 1, "reduction": 4}
    small = MODELS.build({"type": "Restorer", "network": config | {"num_groups": 1}})
    torch.save({"meta": {}, "state_dict": small.state_dict()}, tmp_path / "rcan.pth")
    large = MODELS.build(config | {"num_groups": 3})
    assert warm_start(large, tmp_path / "rcan.pth").identity == [1, 2]
    lq = torch.rand(1, 3, 9, 8)
    torch.testing.assert_close(large(lq), small(lq), rtol=0, atol=0)


def test_foreign_checkpoint_is_translated_first(golden_dir, tmp_path):
    import numpy as np

    arrays = np.load(golden_dir / "edsr" / "edsr_x2.npz")
    state = {k[2:]: torch.from_numpy(arrays[k]) for k in arrays.files if k.startswith("w/")}
    torch.save(state, tmp_path / "edsr.pt")
    network = MODELS.build(
        {"type": "EDSR", "scale": 2, "channels": state["head.0.weight"].shape[0], "num_blocks": 1}
    )
    report = warm_start(network, tmp_path / "edsr.pt")
    assert "EDSR-PyTorch" in report.source
    torch.testing.assert_close(network.stem.weight, state["head.0.weight"] * 255)


def test_nothing_that_fits_is_an_error(trained, tmp_path):
    _, path = trained
    with pytest.raises(ValueError, match=r"none of its blocks fits .*blocks\.0"):
        warm_start(MODELS.build(edsr(channels=4)), path)
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        warm_start(MODELS.build(edsr()), tmp_path / "none.pth")
    with pytest.raises(FileNotFoundError, match="no model or config"):
        warm_start(MODELS.build(edsr()), "no_such_model")


def test_missing_start_of_a_training_says_how_to_name_or_drop_it(tmp_path):
    network = MODELS.build(edsr(init_cfg={"type": "Pretrained", "checkpoint": "none.pth"}))
    with pytest.raises(FileNotFoundError, match=r"none\.pth does not exist.*init_cfg=None"):
        network.init_weights()
