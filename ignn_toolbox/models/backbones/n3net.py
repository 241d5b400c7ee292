"""N3Net.

Paper: Plötz, Roth, "Neural Nearest Neighbors Networks", NeurIPS 2018. Status: its block is equal to
the authors' code on its golden cases; the network is from the paper and that code's description,
its released weights (whose licence forbids handing them on) were not compared.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..aggregators.relaxed_neighbors import NearestNeighbors
from ..foreign import Foreign, Options, State, count, matching
from ..layers import ConvReLU
from ..reach import Reach
from ..spec import NetworkSpec
from ..steps import Network


class Denoiser(nn.Module):
    """DnCNN whose result is added to the first planes of its input.

    Args:
        planes_in: Channels of the input.
        planes_out: Channels of the result.
        features: Channels inside.
        depth: Convolutions.
    """

    def __init__(self, planes_in: int, planes_out: int, features: int, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvReLU(planes_in, features)]
        for _ in range(depth - 2):
            layers += [
                nn.Conv2d(features, features, 3, padding=1, bias=False),
                nn.BatchNorm2d(features, momentum=0.001),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(features, planes_out, 3, padding=1))
        self.shared = min(planes_in, planes_out)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, planes_in, H, W)`` to ``(N, planes_out, H, W)``."""
        out = self.layers(x)
        kept = F.pad(x[:, : self.shared], (0, 0, 0, 0, 0, out.shape[1] - self.shared))
        return out + kept

    def reach(self) -> Reach:
        """That of all convolutions."""
        return Reach.of(self.layers)


def _arguments(state: State, options: Options) -> dict[str, Any]:
    features, planes = state["nls.0.embedcnn.0.weight"].shape[:2]
    joined = state["blocks.1.conv1.weight"].shape[1]
    return {
        "planes": planes,
        "features": features,
        "depth": 2 + _inner(state),
        "num_denoisers": count(state, "blocks.*.conv1.weight"),
        "num_neighbors": joined // planes - 1,
        "embedded": state["nls.0.embedcnn.6.weight"].shape[0],
    }


def _inner(state: State) -> int:
    """Convolutions between a denoiser's first and last: of each three layers the first."""
    return len({m[1] for m in matching(state, "blocks.0.layer1.*.weight") if int(m[1]) % 3 == 0})


def _names(state: State, options: Options) -> dict[str, str | None]:
    inner = 3 * _inner(state)
    return {
        "blocks.*.conv1": "blocks.*.layers.0",
        "blocks.*.bn1": None,  # never used
        **{f"blocks.*.layer1.{n}": f"blocks.*.layers.{n + 1}" for n in range(inner)},
        "blocks.*.conv2": f"blocks.*.layers.{inner + 1}",
        "nls.*.embedcnn": "neighbors.*.embed",
        "nls.*.tempcnn": "neighbors.*.temperature",
        "nls.*.n3aggregation.aggregation.nnn.bn": "neighbors.*.norm",
    }


@MODELS.register_module()
class N3Net(Network):
    """N3Net: denoisers with blocks of nearest neighbours between them.

    Args:
        planes: Channels between the denoisers.
        features: Channels inside denoisers and embeddings.
        depth: Convolutions of a denoiser.
        num_denoisers: How many.
        num_neighbors: The paper's k.
        patch: Side of a patch.
        stride: Between patches.
        window: Side of the square of patches that is searched.
        embedded: Channels in which patches are compared.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "N3Net's authors",
            (
                "blocks.0.layer1.0.weight",
                "blocks.1.conv1.weight",
                "nls.0.embedcnn.0.weight",
                "nls.0.n3aggregation.aggregation.nnn.bn.weight",
            ),
            _arguments,
            _names,
        ),
    )

    def __init__(
        self,
        planes: int = 8,
        features: int = 64,
        depth: int = 6,
        num_denoisers: int = 3,
        num_neighbors: int = 7,
        patch: int = 10,
        stride: int = 5,
        window: int = 15,
        embedded: int = 8,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        last = num_denoisers - 1
        self.blocks = nn.ModuleList(
            Denoiser(
                1 if n == 0 else (num_neighbors + 1) * planes,
                1 if n == last else planes,
                features,
                depth,
            )
            for n in range(num_denoisers)
        )
        self.neighbors = nn.ModuleList(
            NearestNeighbors(planes, num_neighbors, patch, stride, window, features, embedded)
            for _ in range(last)
        )
        self.spec = NetworkSpec(
            1,
            (1, 1),
            "grey",
            min_size=patch + (window - 1) * stride,
            precisions=frozenset(),
            purpose="denoising",
            not_exported=NearestNeighbors.not_exported,
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=(2 / (9 * module.out_channels)) ** 0.5)

    def run(self, lq: Any, go: Any) -> Any:
        """Denoisers and blocks in turns."""
        x = go.local(self.blocks[0], lq)
        for neighbors, block in zip(self.neighbors, self.blocks[1:], strict=True):
            x = go.local(block, go.attend(neighbors, x))
        return x
