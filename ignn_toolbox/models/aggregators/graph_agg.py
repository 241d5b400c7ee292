"""GraphAgg: cross-scale aggregation over a patch graph.

Paper: Zhou et al., "Cross-Scale Internal Graph Neural Network for Image Super-Resolution",
NeurIPS 2020. Status: equal to the authors' released code on its golden cases (indices exact, output
within 1e-4 of 255). Where paper and code differ, this is the code: edge labels are sums of absolute
differences, neighbours are folded before they are weighted, LR and HR have edge networks of their
own, the neighbours are downsampled before they are weighted.
"""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from ...ops import Search, WindowMode, downsample
from ...ops.memory import Memory
from ...registry import MODELS
from ..foreign import Foreign, Options, State, count
from ..spec import Chop
from ..steps import Allocate
from .patch_aggregator import EdgeNet, PatchAggregator


def _ignn_arguments(state: State, options: Options) -> dict[str, Any]:
    """Arguments of the EDSR around it; the graph's own options come from the caller."""
    channels = state["head.0.weight"].shape[0]
    graph_scale = round((state["upsample.0.weight"].shape[0] / channels) ** 0.5)
    before = count(state, "body1.*.body.0.weight")
    return {
        "type": "EDSR",
        "scale": 2 * graph_scale if _has_second_stage(state) else graph_scale,
        "channels": channels,
        "num_blocks": before + count(state, "body2.*.body.0.weight"),
        "res_scale": 0.1 if options.res_scale is None else options.res_scale,
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


def _ignn_names(state: State, options: Options) -> dict[str, str | None]:
    before, after = (count(state, f"body{half}.*.body.0.weight") for half in (1, 2))
    second = {f"body2.{i}.body": f"blocks.{before + i}" for i in range(after)}
    edges = {
        f"gcn.weightnet_{own}.{theirs}": f"aggregator.edge_{own}.{ours}"
        for own in ("lr", "hr")
        for theirs, ours in (
            ("0.0", "head"),
            ("1.body.0", "block.conv1"),
            ("1.body.2", "block.conv2"),
            ("2.0", "tail"),
        )
    }
    last = (
        {"tail.0.0": "upsampler.1.conv", "tail.1.0": "output"}
        if _has_second_stage(state)
        else {"tail.0.0": "output"}
    )
    return {
        "head.0": "stem",
        "body1.*.body.0": "blocks.*.conv1",
        "body1.*.body.2": "blocks.*.conv2",
        **{f"{theirs}.0": f"{ours}.conv1" for theirs, ours in second.items()},
        **{f"{theirs}.2": f"{ours}.conv2" for theirs, ours in second.items()},
        f"body2.{after}.0": "body_end",
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
        "graph.embedcnn": None,  # the same embedder a second time
        **edges,
        **last,
    }


def _has_second_stage(state: State) -> bool:
    return "tail.1.0.weight" in state


@MODELS.register_module()
class GraphAgg(PatchAggregator):
    """Graph construction and patch aggregation of IGNN (paper section 3).

    Args:
        channels: Channels C of the features.
        scale: The graph's s: how many times smaller the searched image, and larger the aggregated
            patches. The paper takes 2 for x2 and x4, 3 for x3.
        embedder: Config of the embedder in whose features patches are compared.
        num_neighbors: The paper's k.
        window: The paper's d, in key patches of stride 2; ``None`` searches the whole image.
        window_mode: ``'centred'`` or ``'official'``, see `ops.Search`.
        neighbors: ``'nearest'``, or ``'random'`` as a control: k patches drawn from the window.
        adapn: Whether neighbours take over the query's mean and deviation (equation 3).
        ecn: Whether edge networks weight the neighbours (equation 2); else the weights are
            ``softmax(-D / distance_divisor)`` of the squared distances D.
        ecn_channels: Hidden channels of the edge networks.
        distance_divisor: Only without ``ecn``. The paper's 10 is meant for VGG features.
        residual: Start as identity, see `layers.Fuse`; the published network does not.
        memory: ``None``, ``'low'``, ``'fast'`` or a number of bytes, see
            `ops.memory.plan_neighbors`. Results differ by float rounding only, neighbours never.
        init_cfg: mmengine's initialisation config.
    """

    chop = Chop(shave=12, largest=40_000)
    foreign = (
        Foreign(
            "IGNN's authors",
            ("head.0.weight", "body1.0.body.0.weight", "gcn.knn_downsample.0.0.weight"),
            _ignn_arguments,
            _ignn_names,
            white=255,
            options=("window", "num_neighbors", "window_mode", "adapn", "res_scale"),
        ),
    )

    def __init__(
        self,
        channels: int,
        scale: int,
        embedder: dict,
        num_neighbors: int = 5,
        window: int | None = 30,
        window_mode: WindowMode = "centred",
        neighbors: Literal["nearest", "random"] = "nearest",
        adapn: bool = True,
        ecn: bool = True,
        ecn_channels: int = 64,
        distance_divisor: float = 10.0,
        residual: bool = False,
        memory: Memory = None,
        init_cfg: dict | None = None,
    ) -> None:
        if scale < 2:
            raise ValueError(f"GraphAgg searches a smaller image: scale must be >= 2, got {scale}")
        super().__init__(
            channels,
            Search(scale, num_neighbors, window, window_mode, neighbors=neighbors),
            embedder,
            adapn,
            ecn,
            ecn_channels,
            distance_divisor,
            residual,
            memory,
            init_cfg,
        )
        self.scales = (1, scale)
        self.hr_channels = channels
        self.hr_residual = residual
        self.edge_hr = EdgeNet(self.embedder.channels, ecn_channels) if ecn else None

    def edge_networks(self) -> list[EdgeNet | None]:
        return [self.edge_lr, self.edge_hr]

    def embed(
        self, image: Tensor, image_down: Tensor | None, allocate: Allocate | None = None
    ) -> tuple[Tensor, Tensor]:
        """Features E_L and E_L downsampled, without gradient when the embedder is frozen."""
        if image_down is None:
            image_down = downsampled(image, self.scale)
        elif tuple(image_down.shape[-2:]) != tuple(n // self.scale for n in image.shape[-2:]):
            raise ValueError(
                f"image_down {tuple(image_down.shape)} must be 1/{self.scale} of the "
                f"{tuple(image.shape)} input, rounded down"
            )
        queries, keys = self._embedded(image, image_down, allocate=allocate)
        return queries, keys


def downsampled(image: Tensor, scale: int) -> Tensor:
    """The searched image: exact bicubic of ``image`` cut to a multiple of ``scale``, in [0, 1]."""
    return downsample(image.detach(), scale).clamp(0, 1)
