"""Data set of HR images whose LR images are made in memory by MATLAB's bicubic."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..images import read_image
from ..ops.resize import BORDERS, imresize_uint8
from ..registry import DATASETS
from .pair_dataset import PairDataset
from .transforms import modcrop


@DATASETS.register_module()
class BicubicDataset(PairDataset):
    """HR images with LR images made on the fly, as MATLAB's ``imresize`` makes them.

    An HR image is cut to a multiple of the scale at its bottom and right, and resized as a whole,
    so that crops of the LR image are what crops of an LR file would be.

    Args:
        gt_dir: Folder of HR images, or several.
        scale: Upscaling factor.
        border: ``'symmetric'`` (current MATLAB) or ``'replicate'``, see
            :func:`ignn_toolbox.ops.resize.imresize`.
        reduced_by: Factor by which an image is made smaller beforehand, by the same bicubic: a
            picture twice as sharp for a factor of 2, whose compression artefacts are gone.
        kwargs: As in :class:`PairDataset`. A cache keeps the LR images, too.

    Raises:
        FileNotFoundError: As in :class:`PairDataset`.
        ValueError: As in :class:`PairDataset`; ``border`` is unknown; ``reduced_by`` is below
            1; when a pair is loaded, the image is damaged or, reduced, smaller than the scale.
    """

    def __init__(
        self,
        gt_dir: str | Sequence[str],
        scale: int,
        border: str = "symmetric",
        reduced_by: float = 1.0,
        **kwargs: Any,
    ) -> None:
        if border not in BORDERS:
            raise ValueError(f"border must be one of {', '.join(BORDERS)}, got {border!r}")
        if not 1 <= reduced_by < math.inf:
            raise ValueError(f"reduced_by must be at least 1, got {reduced_by}")
        self.border = border
        self.reduced_by = reduced_by
        super().__init__(gt_dir, scale, **kwargs)

    def cache_settings(self) -> dict[str, Any]:
        settings = super().cache_settings() | {"border": self.border}
        return settings if self.reduced_by == 1 else settings | {"reduced_by": self.reduced_by}

    def load_pair(self, info: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        gt = read_image(info["gt_path"])
        if self.reduced_by > 1:
            gt = bicubic_lr(gt, self.reduced_by, self.border)
        if min(gt.shape[:2]) < self.scale:
            height, width = gt.shape[:2]
            raise ValueError(
                f"{info['gt_path']} is {width}x{height}, too small to be downscaled by {self.scale}"
            )
        gt = modcrop(gt, self.scale)
        return bicubic_lr(gt, self.scale, self.border), gt


def bicubic_lr(gt: np.ndarray, scale: float, border: str = "symmetric") -> np.ndarray:
    """Downscales an image (H, W, C), uint8, bit for bit as MATLAB's ``imresize(gt, 1/scale)``."""
    small = imresize_uint8(torch.tensor(gt).permute(2, 0, 1), 1 / scale, border=border)
    return small.permute(1, 2, 0).contiguous().numpy()
