"""From data loader to network."""

from __future__ import annotations

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from ..registry import MODELS


@MODELS.register_module()
class ImagePreprocessor(BaseDataPreprocessor):
    """Stacks LR images and ground truths, moves them to the device, and scales them to [0, 1].

    Input as collated by mmengine's ``pseudo_collate``: ``inputs`` a list of uint8 (or float, then
    taken as [0, 1] already) tensors ``(3, h, w)``, ``data_samples`` a list.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """``inputs`` (N, 3, h, w) float in [0, 1] on the device; ``data_samples`` as they came.

        Raises:
            ValueError: The images of a batch differ in size.
        """
        inputs = self._stack(data["inputs"], "LR images")
        return {"inputs": inputs, "data_samples": data.get("data_samples")}

    def stack_gt(self, samples: list) -> Tensor:
        """Ground truths of a batch, ``(N, 3, H, W)`` float in [0, 1]."""
        return self._stack([sample.gt_img for sample in samples], "ground truths")

    def _stack(self, images: list[Tensor] | Tensor, what: str) -> Tensor:
        if not isinstance(images, Tensor):
            sizes = {tuple(image.shape) for image in images}
            if len(sizes) > 1:
                raise ValueError(
                    f"the {what} of one batch differ in size: {sorted(sizes)}; use batch_size=1 or "
                    "crop them alike (PairedRandomCrop)"
                )
            images = torch.stack(list(images))
        moved = images.to(self.device, non_blocking=self._non_blocking)
        return moved.float() / 255 if moved.dtype == torch.uint8 else moved
