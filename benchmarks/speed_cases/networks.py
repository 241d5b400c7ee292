"""Networks and inputs that the cases measure; channels-last, as it is faster for all of them."""

from __future__ import annotations

import warnings

import torch
from mmengine.config import Config
from torch import Tensor, nn

from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo.paths import configs_dir


def graph_config(channels: int, scale: int) -> dict:
    """GraphAgg as in the paper, with random VGG features: time and memory are the same."""
    embedder = {"type": "VGGEmbedder", "weights": "random"}
    return {"type": "GraphAgg", "channels": channels, "scale": scale, "embedder": embedder}


def build_aggregator(scale: int, channels: int = 256) -> nn.Module:
    """GraphAgg in eval mode."""
    module = MODELS.build(graph_config(channels, scale))
    _make_random(module)
    return module.eval().to(memory_format=torch.channels_last)


def aggregator_call(size: int, scale: int, tiny: bool) -> tuple[nn.Module, Tensor, Tensor]:
    """GraphAgg, features and image; small ones if ``tiny``."""
    channels, size = (16, 6 * scale) if tiny else (256, size)
    features = torch.randn(1, channels, size, size).contiguous(memory_format=torch.channels_last)
    return build_aggregator(scale, channels), features, image_of(size)


def build_network(graph: bool, tiny: bool = False) -> nn.Module:
    """IGNN x2 or EDSR x2 in eval mode: 256 channels, 32 blocks; narrow if ``tiny``."""
    channels, blocks = (16, 2) if tiny else (256, 32)
    network = MODELS.build(
        {
            "type": "EDSR",
            "scale": 2,
            "channels": channels,
            "num_blocks": blocks,
            "res_scale": 0.1,
            "aggregator": graph_config(channels, 2) if graph else None,
        }
    )
    if graph:
        _make_random(network.aggregator)
    return network.eval().to(memory_format=torch.channels_last)


def build_tiny_network(name: str) -> nn.Module:
    """The network of the base config ``name`` (``edsr_tiny`` or ``ignn_tiny``)."""
    config = Config.fromfile(configs_dir() / "_base_" / "models" / f"{name}.py")
    return MODELS.build(config.model.network).to(memory_format=torch.channels_last)


def image_of(size: int, batch: int = 1) -> Tensor:
    """Noise ``(N, 3, size, size)``: neighbours then lie anywhere, the hardest case for caches."""
    return torch.rand(batch, 3, size, size).contiguous(memory_format=torch.channels_last)


def _make_random(aggregator: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # random features are meant here
        aggregator.embedder.init_weights()
