"""EDSR as BasicSR stores it: ``{"params": ...}`` or ``{"params_ema": ...}``.

Inside, the network works on ``(x - mean) * img_range``; the published configs have 255. The mean
is not stored; DIV2K's is taken.
"""

import re
from typing import Any

from torch import Tensor

from .edsr_pytorch import count_blocks, default_res_scale, upscaling

KIND = "BasicSR's EDSR"
STAGES = ("upsample.0", "upsample.2")
SIGNATURE = (
    "conv_first.weight",
    "body.0.conv1.weight",
    "conv_after_body.weight",
    "upsample.0.weight",
)
RGB_RANGE = 255

LAYERS = {"conv_first": "stem", "conv_after_body": "body_end", "conv_last": "output"}


def describe(state: dict[str, Tensor], options: Any) -> dict[str, Any]:
    """Config of the network; ``res_scale`` follows the width, as in the published models."""
    return describe_edsr(state, options, STAGES)


def rename(name: str, state: dict[str, Tensor]) -> str:
    """Our name of a tensor; unknown ones keep theirs, and are reported as left over."""
    return rename_edsr(name, STAGES)


def describe_edsr(
    state: dict[str, Tensor], options: Any, stages: tuple[str, ...]
) -> dict[str, Any]:
    """Config of an EDSR whose layers are named as here, but for its upsampler's ``stages``."""
    channels = state["conv_first.weight"].shape[0]
    return {
        "type": "EDSR",
        "scale": upscaling(state, stages, channels),
        "channels": channels,
        "num_blocks": count_blocks(state, "body", "conv1.weight"),
        "res_scale": default_res_scale(channels, options),
    }


def rename_edsr(name: str, stages: tuple[str, ...]) -> str:
    """Our name of a tensor of such an EDSR."""
    layer, _, kind = name.rpartition(".")
    block = re.fullmatch(r"body\.(\d+)\.(conv[12])", layer)
    if block:
        return f"blocks.{block[1]}.{block[2]}.{kind}"
    if layer in stages:
        return f"upsampler.{stages.index(layer)}.conv.{kind}"
    return f"{LAYERS.get(layer, layer)}.{kind}"
