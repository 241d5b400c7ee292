"""What a network's attentions attend to from one pixel, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..devices import device_of
from ..images.convert import to_tensor
from ..models.aggregators.non_local import NonLocal
from ..models.aggregators.patch_attention import PatchAttention


@dataclass(frozen=True)
class Attended:
    """The weights of one attention, seen from one pixel.

    Attributes:
        name: Of the attention in the network.
        place: Row and column of the pixel in the attention's features.
        scale: Size of these features over the image's.
        maps: A ``(h, w)`` map of weights for each map that is searched; all sum to 1.
    """

    name: str
    place: tuple[int, int]
    scale: int
    maps: list[np.ndarray]

    def strongest(self, count: int) -> list[tuple[int, int, int, float]]:
        """The largest weights: number of the map, row, column, weight."""
        found = [
            (number, *divmod(int(flat), weights.shape[1]), float(weights.flat[flat]))
            for number, weights in enumerate(self.maps)
            for flat in np.argsort(weights, axis=None)[::-1][:count]
        ]
        return sorted(found, key=lambda place: -place[3])[:count]


@torch.no_grad()
def attended_from(network: nn.Module, image: np.ndarray, x: int, y: int) -> list[Attended]:
    """The weights of all attentions of a network; of one that runs again and again, the first time.

    Args:
        network: With attentions: `PatchAttention` or `NonLocal`.
        image: The LR image ``(H, W, 3)``, uint8 RGB.
        x: Column of the pixel.
        y: Row of the pixel.

    Raises:
        ValueError: The network has none, or the pixel lies outside.
    """
    height, width = image.shape[:2]
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(f"the pixel {x},{y} lies outside the image, which is {width}x{height}")
    attentions = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, PatchAttention | NonLocal)
    }
    if not attentions:
        raise ValueError(f"{type(network).__name__} has no attention whose weights could be shown")
    seen: dict[str, Tensor] = {}

    def note(name: str) -> Any:
        return lambda module, inputs: seen.setdefault(name, inputs[0])

    handles = [m.register_forward_pre_hook(note(name)) for name, m in attentions.items()]
    try:
        network(to_tensor(image).to(device_of(network)))
    finally:
        for handle in handles:
            handle.remove()
    found = []
    for name, features in seen.items():
        scale = features.shape[-2] // height  # a second level of CSNLN sees larger ones
        place = y * scale, x * scale
        maps = attentions[name].weights_from(features, *place)
        found.append(Attended(name, place, scale, [m.cpu().numpy() for m in maps]))
    return found
