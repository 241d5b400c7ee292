"""GraphAgg: cross-scale aggregation over a patch graph.

Paper: Zhou et al., "Cross-Scale Internal Graph Neural Network for Image Super-Resolution",
NeurIPS 2020. Status: equal to the authors' released code on its golden cases (indices exact, output
within 1e-4 of 255). Where paper and code differ, this is the code: edge labels are sums of absolute
differences, neighbours are folded before they are weighted, LR and HR have edge networks of their
own, the neighbours are downsampled before they are weighted.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ...ops import Search, WindowMode, imresize
from ...ops.memory import Memory
from ...registry import MODELS
from ..spec import Chop
from ..steps import Allocate
from .patch_aggregator import EdgeNet, PatchAggregator


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
        memory: ``'low'``, ``'balanced'``, ``'fast'`` or a number of bytes, see
            `ops.memory.plan_neighbors`. Results differ by float rounding only, neighbours never.
        init_cfg: mmengine's initialisation config.
    """

    chop = Chop(shave=12, largest=40_000)

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
        memory: Memory = "balanced",
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
    height, width = (length - length % scale for length in image.shape[-2:])
    return imresize(image.detach()[..., :height, :width], 1 / scale).clamp(0, 1)
