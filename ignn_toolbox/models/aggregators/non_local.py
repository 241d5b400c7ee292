"""Non-local block: the baseline that weights all positions of the image.

Paper: Wang et al., "Non-local Neural Networks", CVPR 2018, embedded Gaussian version. Status: equal
to mmcv's ``NonLocal2d``, whose layers it uses, in memory linear in the number of pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmcv.cnn import NonLocal2d
from torch import Tensor

from ...registry import MODELS
from ..spec import Given
from ..steps import Allocate, Place
from .base import Aggregator

_BAND = 64  # rows whose keys and values are made at a time for a large image
_ALIGNMENT = 8  # channels; the fused kernels of GPUs serve multiples of it only


@MODELS.register_module()
class NonLocal(Aggregator):
    """Embedded-Gaussian non-local block over the whole image; starts as identity.

    ``softmax(theta(x)^T phi(x)) g(x)`` is torch's fused attention: it goes through the queries in
    chunks, forward and backward, and keeps one number a query. mmcv's own forward pass holds the
    matrix of all pairs of pixels, 17 GB for a 256x256 image.

    Args:
        channels: Channels C of the features.
        reduction: How many times fewer channels are compared.
        use_scale: Divide the products by the root of the number of compared channels, as in
            attention; the paper does not.
        sub_sample: Compare with the largest of 2x2 positions instead of all (section 3.3): a
            quarter of the work.
        init_cfg: mmengine's initialisation config.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 2,
        use_scale: bool = False,
        sub_sample: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.block = NonLocal2d(channels, reduction=reduction, use_scale=use_scale)
        self.sub_sample = sub_sample  # not mmcv's, which cannot initialise it
        self.min_size = 2 if sub_sample else 1
        self.scale = self.block.inter_channels**-0.5 if use_scale else 1.0

    def prepare(
        self,
        features: Tensor,
        *guides: Tensor,
        given: Given | None = None,
        allocate: Allocate | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Make keys and values of all pixels; the image is not used. See `Attention.prepare`."""
        if allocate is None:
            return self._compared(features)
        step = 2 if self.sub_sample else 1
        whole = features[:, :, : features.shape[2] // step * step]
        device = self.block.g.conv.weight.device
        bands = [self._compared(part.to(device)) for part in whole.split(_BAND, 2)]
        keys, values = (torch.cat(parts, 2) for parts in zip(*bands, strict=True))
        return keys, values

    def attend(self, prepared: tuple[Tensor, Tensor], features: Tensor, place: Place) -> Tensor:
        """Attend; see `Attention.attend`."""
        return self._attend(features, *prepared)

    def weights_from(self, features: Tensor, row: int, col: int) -> list[Tensor]:
        """The weights of all keys for one pixel's query, to look at: one map ``(h, w)``."""
        keys = self.block.phi(features)
        if self.sub_sample:
            keys = F.max_pool2d(keys, 2)
        query = self.block.theta(features)[:, :, row : row + 1, col : col + 1]
        products = F.conv2d(keys, query)[0, 0] * self.scale
        return [products.flatten().softmax(0).view_as(products)]

    def _compared(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values."""
        keys, values = self.block.phi(features), self.block.g(features)
        if self.sub_sample:
            keys, values = F.max_pool2d(keys, 2), F.max_pool2d(values, 2)
        return _as_sequence(keys), _as_sequence(values)

    def _attend(self, features: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        block = self.block
        shape = (len(features), block.inter_channels, *features.shape[-2:])
        queries = _as_sequence(block.theta(features))
        found = F.scaled_dot_product_attention(queries, keys, values, scale=self.scale)
        found = found[:, 0, :, : block.inter_channels].transpose(1, 2).reshape(shape)
        return features + block.conv_out(found)


def _as_sequence(features: Tensor) -> Tensor:
    """``(N, C, H, W)`` to ``(N, 1, H * W, C)``, C padded with zeros, which change no product."""
    sequence = features.flatten(2).transpose(1, 2)[:, None]
    return F.pad(sequence, (0, -sequence.shape[-1] % _ALIGNMENT)).contiguous()
