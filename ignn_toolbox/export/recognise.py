"""A network's config from its tensors, for programs that hand over nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..models.aggregators.pyramid import Sampling
from ..ops import WindowMode

PREFIX = "network."
SIGNATURE = tuple(PREFIX + name for name in ("stem.weight", "body_end.weight", "sub_mean.weight"))


@dataclass(frozen=True)
class Untold:
    """What no tensor tells; the defaults are those of the bundled configs.

    Attributes:
        res_scale: EDSR's factor on residuals; 0.1 with 256 channels or more, else 1 when ``None``.
        aggregate_after: Blocks before the aggregator; half of them when ``None``.
        num_neighbors: The graph's k.
        window: The graph's search window; ``None`` searches the whole image.
        window_mode: See `ops.Search`.
        adapn: Whether neighbours take over the query's statistics.
        distance_divisor: See `GraphAgg`; matters without edge networks only.
        residual: Whether aggregated features are added; when ``None``, in compact networks and
            RCAN.
        sub_sample: Whether a non-local block compares with one of 2x2 positions.
        levels: Levels of pyramid attention, whose tensors in-scale attention has as well.
        identity_scale: Its factor on the features; 0.1 with 256 channels or more, else 1 when
            ``None``.
        sampling: Its rule of resizing.
    """

    res_scale: float | None = None
    aggregate_after: int | None = None
    num_neighbors: int = 5
    window: int | None = 30
    window_mode: WindowMode = "centred"
    adapn: bool = True
    distance_divisor: float = 10.0
    residual: bool | None = None
    sub_sample: bool = False
    levels: int = 5
    identity_scale: float | None = None
    sampling: Sampling = "torch1"


def is_ours(state: Mapping[str, Any]) -> bool:
    """Whether tensors are those of an EDSR, IGNN or RCAN of this toolbox, by their names."""
    return all(name in state for name in SIGNATURE)


def network_config(state: Mapping[str, Tensor], untold: Untold = Untold()) -> dict[str, Any]:
    """Config of the network whose state dict, with its prefix ``network.``, is given.

    Raises:
        ValueError: Tensors are missing, or their shapes do not fit each other.
    """
    own = {key.removeprefix(PREFIX): value for key, value in state.items()}
    try:
        return _network(own, untold)
    except (KeyError, ValueError) as error:
        raise ValueError(f"these are not the tensors of an EDSR or RCAN: {error}") from error


def _network(own: Mapping[str, Tensor], untold: Untold) -> dict[str, Any]:
    channels = own["stem.weight"].shape[0]
    compact = "add_mean.weight" not in own
    config: dict[str, Any] = {"channels": channels, "compact": compact}
    blocks = _count(own, "blocks.")
    squeeze = own.get("blocks.0.blocks.0.squeeze.weight")
    if squeeze is not None:
        config |= {
            "type": "RCAN",
            "num_groups": blocks,
            "num_blocks": _count(own, "blocks.0.blocks."),
        }
        config["reduction"] = channels // squeeze.shape[0]
    else:
        res_scale = _res_scale(channels, untold)
        config |= {"type": "EDSR", "num_blocks": blocks, "res_scale": res_scale}
    stages = _count(own, "upsampler.")
    factors = []
    for stage in range(stages):
        width = 3 if compact and stage == stages - 1 else channels
        factors.append(math.isqrt(own[f"upsampler.{stage}.conv.weight"].shape[0] // width))
    config["scale"] = math.prod(factors)
    if any(key.startswith("aggregator.") for key in own):
        config["aggregator"] = _aggregator(own, untold, config)
        config["aggregate_after"] = untold.aggregate_after
    return config


def _aggregator(
    own: Mapping[str, Tensor], untold: Untold, network: Mapping[str, Any]
) -> dict[str, Any]:
    channels = network["channels"]
    compared = own.get("aggregator.block.g.conv.weight")
    if compared is not None:
        reduction = channels // compared.shape[0]
        options = {"reduction": reduction, "sub_sample": untold.sub_sample}
        return {"type": "NonLocal", "channels": channels, **options}
    matched = own.get("aggregator.match_keys.0.weight")
    if matched is not None:
        config = {"channels": channels, "reduction": channels // matched.shape[0]}
        if "fuse_hr.conv2.weight" in own:
            return config | {"type": "CrossScaleAttention", "scale": _fused_scale(own, network)}
        identity_scale = untold.identity_scale
        if identity_scale is None:
            identity_scale = 0.1 if channels >= 256 else 1.0
        told = {"levels": untold.levels, "sampling": untold.sampling}
        return config | told | {"type": "PyramidAttention", "identity_scale": identity_scale}
    residual = untold.residual
    if residual is None:
        residual = network["compact"] or network["type"] == "RCAN"
    edge = own.get("aggregator.edge_lr.head.weight")
    config = {
        "channels": channels,
        "embedder": _embedder(own, untold),
        "num_neighbors": untold.num_neighbors,
        "window": untold.window,
        "adapn": untold.adapn,
        "ecn": edge is not None,
        "distance_divisor": untold.distance_divisor,
        "residual": residual,
    }
    if edge is not None:
        config["ecn_channels"] = edge.shape[0]
    if "fuse_hr.conv2.weight" not in own:
        return config | {"type": "SameScaleKNN"}
    graph_scale = _fused_scale(own, network)
    return config | {"type": "GraphAgg", "scale": graph_scale, "window_mode": untold.window_mode}


def _fused_scale(own: Mapping[str, Tensor], network: Mapping[str, Any]) -> int:
    """The scale of the aggregator's larger result."""
    last = own["fuse_hr.conv2.weight"].shape[0] != network["channels"]  # after the last stage
    return network["scale"] if last or network["scale"] != 4 else 2


def _embedder(own: Mapping[str, Tensor], untold: Untold) -> dict[str, Any]:
    if "aggregator.embedder.conv1.weight" in own:
        return {"type": "VGGEmbedder"}
    stem = own.get("aggregator.embedder.stem.weight")
    if stem is not None:
        return {
            "type": "EDSREmbedder",
            "channels": stem.shape[0],
            "num_blocks": _count(own, "aggregator.embedder.blocks."),
            "res_scale": _res_scale(stem.shape[0], untold),
        }
    layer = own.get("aggregator.embedder.layers.0.weight")
    if layer is not None:
        return {"type": "CNNEmbedder", "channels": layer.shape[0]}
    return {"type": "RGBEmbedder"}


def _res_scale(channels: int, untold: Untold) -> float:
    return untold.res_scale or (0.1 if channels >= 256 else 1.0)


def _count(own: Mapping[str, Tensor], prefix: str) -> int:
    """Length of a sequence of modules."""
    numbers = {int(key[len(prefix) :].split(".")[0]) for key in own if key.startswith(prefix)}
    if numbers != set(range(len(numbers))) or not numbers:
        raise ValueError(f"{prefix}0 to {prefix}n are wanted, found numbers {sorted(numbers)}")
    return len(numbers)
