"""RCAN as BasicSR stores it: see `basicsr` for the file and the range of its values."""

import re
from typing import Any

from torch import Tensor

from .basicsr import LAYERS, RGB_RANGE, STAGES
from .edsr_pytorch import count_blocks, upscaling

__all__ = ["KIND", "RGB_RANGE", "SIGNATURE", "describe", "rename"]

KIND = "BasicSR's RCAN"
SIGNATURE = (
    "conv_first.weight",
    "body.0.residual_group.0.rcab.0.weight",
    "body.0.residual_group.0.rcab.3.attention.1.weight",
    "conv_after_body.weight",
    "upsample.0.weight",
)

_PARTS = {
    "rcab.0": "conv1",
    "rcab.2": "conv2",
    "rcab.3.attention.1": "squeeze",
    "rcab.3.attention.3": "excite",
}


def describe(state: dict[str, Tensor], options: Any) -> dict[str, Any]:
    """Config of the network; the code's res_scale is 1 in its published models.

    Raises:
        ValueError: Another res_scale is asked for, which the network here does not have.
    """
    if options.res_scale not in (None, 1):
        raise ValueError(f"an RCAN with res_scale={options.res_scale} cannot be imported, only 1")
    channels = state["conv_first.weight"].shape[0]
    squeeze = state["body.0.residual_group.0.rcab.3.attention.1.weight"]
    return {
        "type": "RCAN",
        "scale": upscaling(state, STAGES, channels),
        "channels": channels,
        "num_groups": count_blocks(state, "body", "conv.weight"),
        "num_blocks": count_blocks(state, r"body\.0\.residual_group", "rcab.0.weight"),
        "reduction": channels // squeeze.shape[0],
    }


def rename(name: str, state: dict[str, Tensor]) -> str:
    """Our name of a tensor; unknown ones keep theirs, and are reported as left over."""
    layer, _, kind = name.rpartition(".")
    block = re.fullmatch(r"body\.(\d+)\.residual_group\.(\d+)\.(rcab\..+)", layer)
    if block and block[3] in _PARTS:
        return f"blocks.{block[1]}.blocks.{block[2]}.{_PARTS[block[3]]}.{kind}"
    group = re.fullmatch(r"body\.(\d+)\.conv", layer)
    if group:
        return f"blocks.{group[1]}.conv.{kind}"
    if layer in STAGES:
        return f"upsampler.{STAGES.index(layer)}.conv.{kind}"
    return f"{LAYERS.get(layer, layer)}.{kind}"
