"""RCAN as its authors' code stores it: a plain state dict of a network on 0..255."""

import re
from typing import Any

from torch import Tensor

from .edsr_pytorch import STAGES, count_blocks, upscaling

KIND = "RCAN's authors"
SIGNATURE = (
    "head.0.weight",
    "body.0.body.0.body.0.weight",
    "body.0.body.0.body.3.conv_du.0.weight",
    "tail.0.0.weight",
)
RGB_RANGE = 255

_PARTS = {
    "body.0": "conv1",
    "body.2": "conv2",
    "body.3.conv_du.0": "squeeze",
    "body.3.conv_du.2": "excite",
}


def describe(state: dict[str, Tensor], options: Any) -> dict[str, Any]:
    """Config of the network; the code's res_scale is without effect."""
    channels = state["head.0.weight"].shape[0]
    return {
        "type": "RCAN",
        "scale": upscaling(state, STAGES, channels),
        "channels": channels,
        "num_groups": count_blocks(state, "body", "body.0.body.0.weight"),
        "num_blocks": count_blocks(state, r"body\.0\.body", "body.0.weight"),
        "reduction": channels // state["body.0.body.0.body.3.conv_du.0.weight"].shape[0],
    }


def rename(name: str, state: dict[str, Tensor]) -> str:
    """Our name of a tensor; unknown ones keep theirs, and are reported as left over."""
    layer, _, kind = name.rpartition(".")
    block = re.fullmatch(r"body\.(\d+)\.body\.(\d+)\.(body\..+)", layer)
    if block and block[3] in _PARTS:
        return f"blocks.{block[1]}.blocks.{block[2]}.{_PARTS[block[3]]}.{kind}"
    if layer in STAGES:
        return f"upsampler.{STAGES.index(layer)}.conv.{kind}"
    groups = count_blocks(state, "body", "body.0.body.0.weight")
    inner = count_blocks(state, r"body\.0\.body", "body.0.weight")
    layers = {"head.0": "stem", f"body.{groups}": "body_end", "tail.1": "output"}
    layers |= {f"body.{g}.body.{inner}": f"blocks.{g}.conv" for g in range(groups)}
    return f"{layers.get(layer, layer)}.{kind}"
