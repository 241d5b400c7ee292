"""CSNLN's attentions: between scales, and inside one.

Paper: Mei et al., "Image Super-Resolution with Cross-Scale Non-Local Attention and Exhaustive
Self-Exemplars Mining", CVPR 2020. Status: equal to the released code on its golden cases, gradients
too, in memory linear in the number of pixels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ...registry import MODELS
from ..layers import zero_conv
from ..reach import Reach
from ..spec import Chop
from ..steps import Place
from .patch_attention import PatchAttention, Searched

_OVERLAP = 6  # the released code's divisor of the fold; nine blocks overlap


@MODELS.register_module()
class CrossScaleAttention(PatchAttention):
    """Each 3x3 patch as a weighted sum of larger blocks of the features themselves.

    Patches are compared with those of the features reduced by ``scale``; what is summed, weighted
    by a softmax over the whole map, are the blocks that these were reduced from. Their fold is the
    result, ``scale`` times larger than the features. It is divided by 6, as in the released code,
    though nine blocks overlap.

    Args:
        channels: Channels C of the features.
        scale: How many times larger the result is.
        reduction: How many times fewer channels are compared.
        softmax_scale: Factor on the products of patches, those of keys of length 1.
        init_cfg: mmengine's initialisation config.
    """

    reach = Reach.within(2)
    hr_residual = True
    chop = Chop(largest=3600, multiple_of=None, growth="beyond")

    def __init__(
        self,
        channels: int,
        scale: int = 2,
        reduction: int = 2,
        softmax_scale: float = 10.0,
        init_cfg: dict | None = None,
    ) -> None:
        if scale < 2:
            raise ValueError(f"the scale between compared patches must be at least 2, got {scale}")
        super().__init__(channels, reduction, 3, softmax_scale, scale**2, init_cfg)
        self.scale = scale
        self.scales = (scale,)
        self.hr_channels = channels
        self.min_size = self.multiple_of = scale

    def searched_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """One map, ``scale`` times smaller."""
        return [(height // self.scale, width // self.scale)]

    def searched(self, features: Tensor, number: int, rows: slice) -> tuple[Tensor, Tensor]:
        """Reduced features as keys; values of ``scale`` times ``scale`` pixels."""
        scale = self.scale
        own = features[:, :, rows.start * scale : rows.stop * scale]
        own = own.to(self.device)
        return self.match_keys(reduced(own, scale)), F.pixel_unshuffle(self.assemble(own), scale)

    def attend(self, prepared: Searched, features: Tensor, place: Place) -> Tensor:
        """Make the ``scale`` times larger map of a region; see `Attention.attend`."""
        found = self.found(prepared, features).contiguous()
        return F.pixel_shuffle(found, self.scale) / _OVERLAP


@MODELS.register_module()
class InScaleAttention(PatchAttention):
    """Non-local attention between pixels, its products not scaled and its result not embedded.

    Args:
        channels: Channels C of the features.
        reduction: How many times fewer channels are compared.
        residual: Whether the result is added to the features and starts at zero; CSNLN's own
            replaces them.
        init_cfg: mmengine's initialisation config.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 2,
        residual: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(channels, reduction, 1, 1.0, init_cfg=init_cfg)
        self.residual = residual
        if residual:
            zero_conv(self.assemble[0])

    def searched_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """The features themselves."""
        return [(height, width)]

    def searched(self, features: Tensor, number: int, rows: slice) -> tuple[Tensor, Tensor]:
        """Two embeddings of the features."""
        own = features[:, :, rows].to(self.device)
        return self.match_keys(own), self.assemble(own)

    def attend(self, prepared: Searched, features: Tensor, place: Place) -> Tensor:
        """Attend from the pixels of a region; see `Attention.attend`."""
        found = self.found(prepared, features)
        return features + found if self.residual else found


def reduced(x: Tensor, scale: int) -> Tensor:
    """Bilinear reduction without smoothing: the middle pixel of each cell, or the middle four."""
    cells = F.pixel_unshuffle(x, scale).unflatten(1, (x.shape[1], scale, scale))
    middle = scale // 2
    if scale % 2:
        return cells[:, :, middle, middle]
    return cells[:, :, middle - 1 : middle + 1, middle - 1 : middle + 1].mean((2, 3))
