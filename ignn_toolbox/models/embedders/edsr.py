"""The first blocks of a trained EDSR as embedder; needs no weights of other projects."""

from __future__ import annotations

from mmengine.model import BaseModule
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from ...registry import MODELS, SCOPE
from ..layers import MeanShift, ResBlock
from ..reach import Reach
from .frozen import FrozenEmbedder


@MODELS.register_module()
class EDSREmbedder(FrozenEmbedder):
    """What a trained EDSR makes of the image in its first blocks, frozen.

    Not in the paper, which compares VGG19's features: here, patches are alike that are alike to a
    network of the same task.

    Args:
        channels: Channels D of the EDSR and of the feature map.
        num_blocks: How many of its blocks are computed; more than it has is an error.
        res_scale: Its factor on each block's residual.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` names the trained EDSR, of any scale:
            a file or a zoo model.
    """

    def __init__(
        self,
        channels: int = 64,
        num_blocks: int = 8,
        res_scale: float = 1.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if num_blocks < 1:
            raise ValueError(f"EDSREmbedder needs a block at least, got num_blocks={num_blocks}")
        self.channels = channels
        self.sub_mean = MeanShift([0.0, 0.0, 0.0])  # the mean colour comes with the weights
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResBlock(channels, res_scale) for _ in range(num_blocks)))
        self.requires_grad_(False)

    def read_weights(self) -> None:
        """Read the weights that ``init_cfg`` names.

        Raises:
            FileNotFoundError: There is no such file or zoo model, or none is named.
            ValueError: It holds no EDSR of these channels, or one of fewer blocks.
        """
        if self.init_cfg is None:
            raise FileNotFoundError(
                "EDSREmbedder needs a trained EDSR: name one by its init_cfg, such as "
                "dict(type='Pretrained', checkpoint='edsr_tiny_x2'), load a checkpoint of the "
                "whole network, or choose another embedder"
            )
        with DefaultScope.overwrite_default_scope(SCOPE):
            BaseModule.init_weights(self)
        last = self.blocks[-1].get_submodule("conv2")
        if not any(p.any() for p in last.parameters()):  # made an identity
            raise ValueError(
                f"the checkpoint {self.init_cfg['checkpoint']} has fewer than the "
                f"{len(self.blocks)} blocks that EDSREmbedder is to compute: lower num_blocks"
            )

    def embed(self, image: Tensor) -> Tensor:
        return self.blocks(self.stem(self.sub_mean(image)))

    def reach(self) -> Reach:
        """That of the stem and all blocks."""
        return Reach.of(self.stem, self.blocks)
