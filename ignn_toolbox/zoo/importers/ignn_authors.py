"""IGNN as its authors' code stores it: ``{"net_state_dict": {"module. ...": ...}}``, on 0..255."""

import re
from typing import Any

from torch import Tensor

from .edsr_pytorch import count_blocks

KIND = "IGNN's authors"
SIGNATURE = ("head.0.weight", "body1.0.body.0.weight", "gcn.knn_downsample.0.0.weight")
RGB_RANGE = 255

_RES_SCALE = 0.1
_LAYERS = {
    "head.0": "stem",
    "upsample.0": "upsampler.0.conv",
    "fuse_up.0.0": "fuse_hr.conv1",
    "fuse_up.1.0": "fuse_hr.conv2",
    "fuse_b.0.0": "aggregator.fuse.conv1",
    "fuse_b.1.0": "aggregator.fuse.conv2",
    "gcn.knn_downsample.0.0": "aggregator.downsample.conv1",
    "gcn.knn_downsample.1.0": "aggregator.downsample.conv2",
    "gcn.knn_downsample.2.0": "aggregator.downsample.conv3",
    "vggnet.sub_mean": "aggregator.embedder.normalise",
    "vggnet.model.0": "aggregator.embedder.conv1",
    "vggnet.model.2": "aggregator.embedder.conv2",
}
_EDGE_LAYERS = {"0.0": "head", "1.body.0": "block.conv1", "1.body.2": "block.conv2", "2.0": "tail"}
# The graph holds the same embedder a second time.
_DUPLICATE = "graph.embedcnn."


def describe(state: dict[str, Tensor], options: Any) -> dict[str, Any]:
    """Config of the network; the graph's own options come from the caller."""
    channels = state["head.0.weight"].shape[0]
    graph_scale = round((state["upsample.0.weight"].shape[0] / channels) ** 0.5)
    before = count_blocks(state, "body1")
    return {
        "type": "EDSR",
        "scale": 2 * graph_scale if _has_second_stage(state) else graph_scale,
        "channels": channels,
        "num_blocks": before + count_blocks(state, "body2"),
        "res_scale": _RES_SCALE if options.res_scale is None else options.res_scale,
        "aggregate_after": before,
        "aggregator": {
            "type": "GraphAgg",
            "channels": channels,
            "scale": graph_scale,
            "embedder": {"type": "VGGEmbedder"},
            "num_neighbors": options.num_neighbors,
            "window": options.window,
            "window_mode": options.window_mode,
            "adapn": options.adapn,
            "ecn_channels": state["gcn.weightnet_lr.0.0.weight"].shape[0],
        },
    }


def rename(name: str, state: dict[str, Tensor]) -> str | None:
    """Our name of a tensor; unknown ones keep theirs, and are reported as left over."""
    if name.startswith(_DUPLICATE):
        return None
    layer, _, kind = name.rpartition(".")
    block = re.fullmatch(r"body([12])\.(\d+)\.body\.([02])", layer)
    if block:
        index = int(block[2]) + (count_blocks(state, "body1") if block[1] == "2" else 0)
        return f"blocks.{index}.conv{1 if block[3] == '0' else 2}.{kind}"
    edge = re.fullmatch(r"gcn\.weightnet_(lr|hr)\.(.+)", layer)
    if edge and edge[2] in _EDGE_LAYERS:
        return f"aggregator.edge_{edge[1]}.{_EDGE_LAYERS[edge[2]]}.{kind}"
    layers = _LAYERS | {f"body2.{count_blocks(state, 'body2')}.0": "body_end"}
    layers |= (
        {"tail.0.0": "upsampler.1.conv", "tail.1.0": "output"}
        if _has_second_stage(state)
        else {"tail.0.0": "output"}
    )
    return f"{layers.get(layer, layer)}.{kind}"


def _has_second_stage(state: dict[str, Tensor]) -> bool:
    return "tail.1.0.weight" in state
