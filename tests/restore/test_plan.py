"""Dry runs: published arithmetic, memory by hand, memory as measured."""

import pytest
import torch
from speed_cases.networks import build_network
from torch import nn

from ignn_toolbox.registry import MODELS
from ignn_toolbox.restore.network_plan import list_convolutions, plan_memory


def multiplications(network, size=32, train=False):
    return sum(c.multiplications for c in list_convolutions(network, (1, 3, size, size), train))


def test_convolutions_are_those_of_the_formula():
    """EDSR's convolutions at LR and HR, by the sizes of their weights."""
    network = build_network(graph=False, tiny=True)
    lr = network.stem, *(c for b in network.blocks for c in (b.conv1, b.conv2)), network.body_end
    weights = sum(conv.weight.numel() for conv in (*lr, network.upsampler[0].conv))
    means = 9 * (1 + 2**2)
    wanted = 32**2 * (weights + 4 * network.output.weight.numel() + means)
    assert multiplications(network) == wanted


def test_ignn_costs_the_published_multiple_of_edsr():
    ratio = multiplications(build_network(graph=True)) / multiplications(build_network(graph=False))
    assert round(ratio, 2) == 1.57


def test_a_training_step_costs_three_times_the_inference():
    """Less the input's gradient, which the first convolution need not make, and frozen parts."""
    network = build_network(graph=False)
    ratio = multiplications(network, train=True) / multiplications(network.eval())
    assert 2.98 < ratio < 3


@pytest.mark.parametrize("memory", ["low", None])
def test_memory_settings_do_not_count_as_arithmetic(memory):
    network = build_network(graph=True, tiny=True).train()
    plain = multiplications(network, 16, train=True)
    network.aggregator.memory = memory
    assert multiplications(network, 16, train=True) == plain
    assert network.aggregator.memory == memory


class Chain(nn.Module):
    """Two maps alive at a time, whatever its length."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.AvgPool2d(1), nn.ReLU()) for _ in range(5))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


def test_live_bytes_are_those_of_the_maps_alive():
    stages = dict(plan_memory(Chain(), 10, 20))
    assert stages == {"blocks": 3 * 3 * 10 * 20 * 4}  # input of a block, its middle, its output


def test_stages_are_named_after_the_parts():
    network = build_network(graph=True, tiny=True)
    stages = [name for name, _ in plan_memory(network, 20, 24)]
    assert stages[:3] == ["sub_mean", "stem", "blocks"]
    assert {"aggregator.embedder", "aggregator.downsample", "fuse_hr", "output"} <= set(stages)
    with_training = [name for name, _ in plan_memory(network.train(), 14, 12, train=True)]
    assert with_training[-2:] == ["backward", "optimizer"]


@pytest.mark.slow
def test_prediction_grows_with_the_image_and_with_training():
    network = build_network(graph=True, tiny=True)

    def total(height, width, **options):
        return max(size for _, size in plan_memory(network, height, width, **options))

    assert total(20, 20) < total(20, 60) < total(60, 60)
    assert total(20, 20) < total(20, 20, batch=2) < total(20, 20, batch=2, train=True)


def test_nothing_is_left_behind():
    network = build_network(graph=True, tiny=True)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    plan_memory(network.train(), 20, 24, train=True)
    assert all(p.grad is None for p in network.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert torch.isfinite(network(torch.rand(1, 3, 20, 24))).all()


@pytest.mark.parametrize("name", ["RCAN", "EDSR"])
@pytest.mark.parametrize("aggregator", [None, "NonLocal", "SameScaleKNN"])
def test_any_backbone_and_aggregator_can_be_planned(name, aggregator):
    config = {"type": name, "scale": 2, "channels": 8, "num_blocks": 2}
    if aggregator:
        config["aggregator"] = {"type": aggregator, "channels": 8}
        if aggregator == "SameScaleKNN":
            config["aggregator"]["embedder"] = {"type": "RGBEmbedder"}
    if name == "RCAN":
        config |= {"reduction": 2, "num_groups": 1}
    stages = plan_memory(MODELS.build(config).eval(), 24, 30)
    assert max(size for _, size in stages) >= 2 * 8 * 24 * 30 * 4


def test_too_small_an_image_is_refused():
    with pytest.raises(ValueError, match="too small for this network"):
        plan_memory(build_network(graph=True, tiny=True), 8, 30)
