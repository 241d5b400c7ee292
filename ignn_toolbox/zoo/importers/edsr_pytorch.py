"""EDSR as EDSR-PyTorch stores it: a plain state dict of a network on 0..255."""

import re
from typing import Any

from torch import Tensor

KIND = "EDSR-PyTorch"
SIGNATURE = ("head.0.weight", "body.0.body.0.weight", "body.0.body.2.weight", "tail.0.0.weight")

_FULL_WIDTH = 256
_STAGES = ("tail.0.0", "tail.0.2", "tail.0.4")


def describe(state: dict[str, Tensor], options: Any) -> dict[str, Any]:
    """Config of the network; ``res_scale`` follows the width, as in the published models."""
    channels = state["head.0.weight"].shape[0]
    scale = 1
    for stage in _STAGES:
        if f"{stage}.weight" in state:
            scale *= round((state[f"{stage}.weight"].shape[0] / channels) ** 0.5)
    res_scale = options.res_scale
    if res_scale is None:
        res_scale = 0.1 if channels >= _FULL_WIDTH else 1.0
    return {
        "type": "EDSR",
        "scale": scale,
        "channels": channels,
        "num_blocks": count_blocks(state, "body"),
        "res_scale": res_scale,
    }


def rename(name: str, state: dict[str, Tensor]) -> str:
    """Our name of a tensor; unknown ones keep theirs, and are reported as left over."""
    layer, _, kind = name.rpartition(".")
    block = re.fullmatch(r"body\.(\d+)\.body\.([02])", layer)
    if block:
        return f"blocks.{block[1]}.conv{1 if block[2] == '0' else 2}.{kind}"
    if layer in _STAGES:
        return f"upsampler.{_STAGES.index(layer)}.conv.{kind}"
    layers = {"head.0": "stem", f"body.{count_blocks(state, 'body')}": "body_end"}
    layers["tail.1"] = "output"
    return f"{layers.get(layer, layer)}.{kind}"


def count_blocks(state: dict[str, Tensor], body: str) -> int:
    """How many residual blocks a sequence ``body`` has."""
    pattern = re.compile(rf"{body}\.(\d+)\.body\.0\.weight")
    return sum(pattern.fullmatch(name) is not None for name in state)
