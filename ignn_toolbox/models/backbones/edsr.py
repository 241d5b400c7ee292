"""EDSR.

Paper: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017.
Status: equal to EDSR-PyTorch on its golden cases. With GraphAgg after half of the blocks it is IGNN
(Zhou et al., NeurIPS 2020); with PyramidAttention it is PANet for super-resolution, PA-EDSR (Mei et
al., arXiv 2004.13824), equal to its authors' code on its golden cases.
"""

from __future__ import annotations

from typing import Any

from ...registry import MODELS
from ..aggregators import pyramid
from ..foreign import HEAD_AND_TAIL, TAIL_STAGES, Foreign, Options, State, count, upscaling
from ..layers import ResBlock
from .base import Backbone

_FULL_WIDTH = 256


def _described(state: State, options: Options, stem: str, block: str, stages: tuple) -> dict:
    """Arguments; ``res_scale`` follows the width unless it is told, as in the published models."""
    channels = state[f"{stem}.weight"].shape[0]
    usual = 0.1 if channels >= _FULL_WIDTH else 1.0
    return {
        "scale": upscaling(state, channels, stages),
        "channels": channels,
        "num_blocks": count(state, block),
        "res_scale": usual if options.res_scale is None else options.res_scale,
    }


def _edsr_pytorch() -> Foreign:
    block = "body.*.body.0.weight"
    return Foreign(
        "EDSR-PyTorch",
        ("head.0.weight", "body.0.body.0.weight", "body.0.body.2.weight", "tail.0.0.weight"),
        lambda state, options: _described(state, options, "head.0", block, TAIL_STAGES),
        lambda state, options: {
            **HEAD_AND_TAIL,
            "body.*.body.0": "blocks.*.conv1",
            "body.*.body.2": "blocks.*.conv2",
            f"body.{count(state, block)}": "body_end",
        },
        white=255,
        options=("res_scale",),
    )


def _pa_edsr() -> Foreign:
    """PANet for super-resolution; its attention is stored twice, as ``msa`` too."""

    def described(state: State, options: Options) -> dict[str, Any]:
        own = _described(state, options, "head.0", pyramid.BLOCK, TAIL_STAGES)
        return own | pyramid.authors_arguments(state, options, own["res_scale"])

    return Foreign(
        "PANet's authors' PA-EDSR",
        (
            "head.0.weight",
            "body.0.body.0.weight",
            "body.0.body.2.weight",
            pyramid.COMPARED,
            "tail.0.0.weight",
        ),
        described,
        lambda state, options: {
            **HEAD_AND_TAIL,
            **pyramid.authors_names(state),
            "msa": None,
        },
        options=("res_scale", "identity_scale", "sampling"),
    )


def _named_layers(kind: str, stages: tuple[str, ...], white: float) -> Foreign:
    """BasicSR's names, which MMagic took over but for the upsampler's; the mean is not stored."""
    return Foreign(
        kind,
        (
            "conv_first.weight",
            "body.0.conv1.weight",
            "conv_after_body.weight",
            f"{stages[0]}.weight",
        ),
        lambda state, options: _described(
            state, options, "conv_first", "body.*.conv1.weight", stages
        ),
        lambda state, options: {
            "conv_first": "stem",
            "body.*.conv1": "blocks.*.conv1",
            "body.*.conv2": "blocks.*.conv2",
            "conv_after_body": "body_end",
            "conv_last": "output",
            **{stage: f"upsampler.{number}.conv" for number, stage in enumerate(stages)},
        },
        white=white,
        options=("res_scale",),
    )


@MODELS.register_module()
class EDSR(Backbone):
    """EDSR: residual blocks of two convolutions.

    The full network is ``channels=256, num_blocks=32, res_scale=0.1``, the baseline
    ``channels=64, num_blocks=16``.

    Args:
        scale: 2, 3 or 4.
        channels: Feature channels C.
        num_blocks: Residual blocks.
        res_scale: Factor on each block's residual.
        options: ``rgb_mean``, ``compact``, ``aggregator``, ``aggregate_after``, ``init_cfg``: see
            `Backbone`.
    """

    foreign = (
        _edsr_pytorch(),
        _pa_edsr(),
        _named_layers("BasicSR's EDSR", ("upsample.0", "upsample.2"), white=255),
        _named_layers(
            "MMagic's EDSR",
            ("upsample.0.upsample_conv", "upsample.1.upsample_conv"),
            white=1,
        ),
    )

    def __init__(
        self,
        scale: int,
        channels: int = 64,
        num_blocks: int = 16,
        res_scale: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(
            lambda: ResBlock(channels, res_scale), num_blocks, scale, channels, **options
        )
