"""EDSR as EDSR-PyTorch stores it: a plain state dict of a network on 0..255."""

import re
from typing import Any

from torch import Tensor

KIND = "EDSR-PyTorch"
SIGNATURE = ("head.0.weight", "body.0.body.0.weight", "body.0.body.2.weight", "tail.0.0.weight")
RGB_RANGE = 255
STAGES = ("tail.0.0", "tail.0.2", "tail.0.4")

_FULL_WIDTH = 256


def describe(state: dict[str, Tensor], options: Any) -> dict[str, Any]:
    """Config of the network; ``res_scale`` follows the width, as in the published models."""
    channels = state["head.0.weight"].shape[0]
    return {
        "type": "EDSR",
        "scale": upscaling(state, STAGES, channels),
        "channels": channels,
        "num_blocks": count_blocks(state, "body"),
        "res_scale": default_res_scale(channels, options),
    }


def rename(name: str, state: dict[str, Tensor]) -> str:
    """Our name of a tensor; unknown ones keep theirs, and are reported as left over."""
    layer, _, kind = name.rpartition(".")
    block = re.fullmatch(r"body\.(\d+)\.body\.([02])", layer)
    if block:
        return f"blocks.{block[1]}.conv{1 if block[2] == '0' else 2}.{kind}"
    if layer in STAGES:
        return f"upsampler.{STAGES.index(layer)}.conv.{kind}"
    layers = {"head.0": "stem", f"body.{count_blocks(state, 'body')}": "body_end"}
    layers["tail.1"] = "output"
    return f"{layers.get(layer, layer)}.{kind}"


def default_res_scale(channels: int, options: Any) -> float:
    """The caller's, or that of the published models of this width."""
    if options.res_scale is not None:
        return options.res_scale
    return 0.1 if channels >= _FULL_WIDTH else 1.0


def upscaling(state: dict[str, Tensor], stages: tuple[str, ...], channels: int) -> int:
    """Scale of an upsampler: each of its stages is a convolution to factor^2 times the channels."""
    scale = 1
    for stage in stages:
        if f"{stage}.weight" in state:
            scale *= round((state[f"{stage}.weight"].shape[0] / channels) ** 0.5)
    return scale


def count_blocks(state: dict[str, Tensor], body: str, first: str = "body.0.weight") -> int:
    """How many blocks a sequence ``body`` (a pattern) has, counted by their tensor ``first``."""
    pattern = re.compile(rf"{body}\.(\d+)\.{re.escape(first)}")
    return sum(pattern.fullmatch(name) is not None for name in state)
