"""Sample pictures in the training log."""

from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from torch.nn import functional as F

from ..images.convert import to_array
from ..registry import HOOKS


@HOOKS.register_module()
class ComparisonHook(Hook):
    """Records a few validation pictures side by side: input enlarged, prediction, ground truth.

    They go to the visualizer's back ends (local files, TensorBoard), one entry a picture.

    Args:
        pictures: How many pictures of each set to record, the first ones.
        interval: Validations between two recordings.
        max_side: Pictures are cut to this many HR pixels each side, about their centre.

    Raises:
        ValueError: A number is not positive.
    """

    def __init__(self, pictures: int = 3, interval: int = 5, max_side: int = 256) -> None:
        for name, value in (("pictures", pictures), ("interval", interval), ("max_side", max_side)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.pictures = pictures
        self.interval = interval
        self.max_side = max_side
        self.validations = 0

    def before_val(self, runner: Any) -> None:
        self.validations += 1

    def after_val_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if batch_idx >= self.pictures or (self.validations - 1) % self.interval:
            return
        for lq, sample in zip(data_batch["inputs"], outputs, strict=True):
            strip = side_by_side(lq, sample.pred_img, sample.gt_img, self.max_side)
            name = f"{sample.dataset_name}/{sample.name}"
            runner.visualizer.add_image(name.replace("/", "_"), strip, step=runner.iter)


def side_by_side(
    lq: torch.Tensor, pred: torch.Tensor, gt: torch.Tensor, max_side: int
) -> np.ndarray:
    """Bicubic enlargement, prediction and ground truth, left to right.

    Args:
        lq: (3, h, w), uint8.
        pred: (3, H, W), float in [0, 1].
        gt: (3, H, W), uint8.
        max_side: Pixels to keep of each side, about the centre.

    Returns:
        RGB image (H', 3 W', 3), uint8.

    Raises:
        ValueError: A value of the prediction is not finite.
    """
    enlarged = F.interpolate(lq[None] / 255, size=gt.shape[-2:], mode="bicubic")[0]
    parts = [enlarged.cpu(), pred.float().cpu(), gt.cpu() / 255]
    height, width = (min(side, max_side) for side in gt.shape[-2:])
    top, left = (gt.shape[-2] - height) // 2, (gt.shape[-1] - width) // 2
    cut = [part[:, top : top + height, left : left + width] for part in parts]
    return to_array(torch.cat(cut, dim=2)[None], np.dtype(np.uint8))
