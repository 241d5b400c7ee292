"""EDSR as MMagic and MMEditing store it: ``{"state_dict": {"generator. ...": ...}}``, on 0..1.

The mean is not stored; DIV2K's is taken.
"""

from typing import Any

from torch import Tensor

from .basicsr import describe_edsr, rename_edsr

KIND = "MMagic's EDSR"
STAGES = ("upsample.0.upsample_conv", "upsample.1.upsample_conv")
SIGNATURE = (
    "conv_first.weight",
    "body.0.conv1.weight",
    "conv_after_body.weight",
    "upsample.0.upsample_conv.weight",
)
RGB_RANGE = 1


def describe(state: dict[str, Tensor], options: Any) -> dict[str, Any]:
    """Config of the network; ``res_scale`` follows the width, as in the published models."""
    return describe_edsr(state, options, STAGES)


def rename(name: str, state: dict[str, Tensor]) -> str:
    """Our name of a tensor; unknown ones keep theirs, and are reported as left over."""
    return rename_edsr(name, STAGES)
