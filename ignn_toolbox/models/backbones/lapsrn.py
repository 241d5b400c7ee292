"""LapSRN.

Paper: Lai, Huang, Ahuja, Yang, "Deep Laplacian Pyramid Networks for Fast and Accurate
Super-Resolution", CVPR 2017. Status: equal to the PyTorch port twtygqyy/pytorch-LapSRN on its
golden cases, and its published weights score their figures (`docs/rivals.md`); 870,112 parameters
at x4.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..foreign import Foreign, Options, State, count
from ..spec import NetworkSpec, Outputs
from ..steps import Network

_SLOPE = 0.2
_KERNEL = (0.25, 0.75, 0.75, 0.25)


def _deconv(channels: int) -> nn.ConvTranspose2d:
    """A transposed convolution to twice the size that starts as bilinear in all channel pairs."""
    layer = nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1, bias=False)
    line = torch.tensor(_KERNEL, device=layer.weight.device)
    with torch.no_grad():
        layer.weight.copy_(torch.outer(line, line))
    return layer


def _conv(channels_in: int, channels_out: int) -> nn.Conv2d:
    layer = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    nn.init.normal_(layer.weight, std=(2 / (9 * channels_out)) ** 0.5)
    return layer


class Level(nn.Module):
    """One level of the pyramid: features and image to twice the size.

    Args:
        channels: Feature channels.
        depth: Convolutions before the features are enlarged.
    """

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_conv(channels, channels) for _ in range(depth))
        self.enlarge_features = _deconv(channels)
        self.enlarge_image = _deconv(1)
        self.residual = _conv(channels, 1)

    def features(self, x: Tensor) -> Tensor:
        """``(N, C, h, w)`` to ``(N, C, 2h, 2w)``."""
        for layer in (*self.convs, self.enlarge_features):
            x = F.leaky_relu(layer(x), _SLOPE, inplace=True)
        return x

    def image(self, image: Tensor) -> Tensor:
        """``(N, 1, h, w)`` to ``(N, 1, 2h, 2w)``."""
        return self.enlarge_image(image)

    def add(self, image: Tensor, x: Tensor) -> Tensor:
        """The enlarged image with its residual, made of the enlarged features."""
        return image + self.residual(x)


def _arguments(state: State, options: Options) -> dict[str, Any]:
    """Arguments; ``scale=2`` takes the first level of a larger network."""
    levels = count(state, "convt_I*.weight")
    scale = 2**levels if options.scale is None else options.scale
    if scale not in (2**level for level in range(1, levels + 1)):
        raise ValueError(f"this LapSRN has {levels} levels, up to x{2**levels}; got scale={scale}")
    return {
        "scale": scale,
        "channels": state["conv_input.weight"].shape[0],
        "depth": count(state, "convt_F1.0.cov_block.*.weight") - 1,
    }


def _names(state: State, options: Options) -> dict[str, str | None]:
    depth = count(state, "convt_F1.0.cov_block.*.weight") - 1
    names: dict[str, str | None] = {"conv_input": "stem"}
    for level in range(count(state, "convt_I*.weight")):
        theirs, ours = level + 1, f"levels.{level}"
        features = f"convt_F{theirs}.0.cov_block"
        made = {f"{features}.{2 * i}": f"{ours}.convs.{i}" for i in range(depth)} | {
            f"{features}.{2 * depth}": f"{ours}.enlarge_features",
            f"convt_I{theirs}": f"{ours}.enlarge_image",
            f"convt_R{theirs}": f"{ours}.residual",
        }
        is_used = options.scale is None or 2**theirs <= options.scale
        names |= made if is_used else dict.fromkeys(made)
    return names


@MODELS.register_module()
class LapSRN(Network):
    """LapSRN: a pyramid whose levels double the luma and add a residual.

    In training it returns the images of all levels. Its paper compares them by the Charbonnier
    penalty, summed; the images of lower levels with the bicubically reduced ground truth.

    Args:
        scale: 2, 4 or 8.
        channels: Feature channels.
        depth: Convolutions of a level.
        init_cfg: mmengine's initialisation config.
    """

    foreign = (
        Foreign(
            "pytorch-LapSRN",
            ("conv_input.weight", "convt_I1.weight", "convt_F1.0.cov_block.0.weight"),
            _arguments,
            _names,
            options=("scale",),
        ),
    )

    def __init__(
        self, scale: int, channels: int = 64, depth: int = 10, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        scales = tuple(s for s in (2, 4, 8) if s <= scale)
        if scale not in scales:
            raise ValueError(f"LapSRN doubles level by level: scale must be 2, 4 or 8, got {scale}")
        self.spec = NetworkSpec(scale, (1, 1), "luma", outputs=scales)
        self.stem = _conv(1, channels)
        self.levels = nn.ModuleList(Level(channels, depth) for _ in scales)

    def run(self, lq: Any, go: Any) -> Any:
        """Level by level; all their images in training."""
        image, x = lq, go.local(self._stem, lq, through=(self.stem,))
        images = []
        level: Any
        for level in self.levels:
            x = go.local(level.features, x, through=(*level.convs, level.enlarge_features))
            image = go.local(level.image, image, through=(level.enlarge_image,))
            image = go.local(level.add, image, x, through=(level.residual,))
            images.append(image)
        return Outputs(image, tuple(images[:-1])) if self.training else image

    def _stem(self, lq: Tensor) -> Tensor:
        return F.leaky_relu(self.stem(lq), _SLOPE, inplace=True)
