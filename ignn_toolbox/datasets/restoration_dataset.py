"""Data set of ground truth whose degraded pictures are made in memory."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..images import read_image
from ..images.planes import grey_plane, luma_plane
from ..registry import DATASETS, DEGRADATIONS
from .degradations import BicubicDown, Degradation, bicubic_lr
from .pair_dataset import PairDataset
from .transforms import modcrop

_PLANES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "grey": grey_plane,
    "luma": luma_plane,
}


@DATASETS.register_module()
class RestorationDataset(PairDataset):
    """Ground truth, and the pictures that registered degradations make of it.

    A picture is cut to a multiple of the scale at its bottom and right and degraded as a whole, so
    that crops of the result are what crops of a file would be. Its randomness is its name's: it is
    the same in every run and order. What training is to draw anew each time belongs into the
    pipeline, behind the crop: see `Degrade`.

    Args:
        gt_dir: Folder of ground truth, or several.
        scale: Upscaling factor; 1 where the input has the size of the ground truth.
        degradations: Configs of `degradations`, one applied after the other. By default the exact
            bicubic by the scale, and nothing at scale 1.
        reduced_by: Factor by which an image is made smaller beforehand, by the same bicubic: a
            picture twice as sharp for a factor of 2, whose compression artefacts are gone.
        colour: ``'rgb'``; ``'grey'`` for MATLAB's ``rgb2gray``; ``'luma'`` for the Y of its
            ``rgb2ycbcr``, rounded. Grey pictures stay as they are.
        planes: How many equal planes a picture of grey or luma is handed on as: 1, or 3 for
            networks of RGB.
        kwargs: As in `PairDataset`. A cache keeps the degraded images, too.

    Raises:
        FileNotFoundError: As in `PairDataset`.
        ValueError: As in `PairDataset`; the degradations reduce by another scale, or an
            argument is out of range; when a pair is loaded, the image is damaged or, reduced,
            smaller than the scale.
    """

    def __init__(
        self,
        gt_dir: str | Sequence[str],
        scale: int = 1,
        *,
        degradations: Sequence[dict | Degradation] | None = None,
        reduced_by: float = 1.0,
        colour: Literal["rgb", "grey", "luma"] = "rgb",
        planes: Literal[1, 3] = 1,
        **kwargs: Any,
    ) -> None:
        if not 1 <= reduced_by < math.inf:
            raise ValueError(f"reduced_by must be at least 1, got {reduced_by}")
        if colour not in ("rgb", *_PLANES):
            raise ValueError(f"colour must be one of rgb, {', '.join(_PLANES)}, got {colour!r}")
        if planes not in (1, 3):
            raise ValueError(f"planes must be 1 or 3, got {planes!r}")
        self.reduced_by = reduced_by
        self.colour = colour
        self.planes = planes
        super().__init__(gt_dir, scale, **kwargs)
        self.degradations = _built(degradations, scale)
        reduced = math.prod(step.scale for step in self.degradations)
        if reduced != scale:
            raise ValueError(
                f"the degradations of {self.name} make pictures {reduced} times smaller, but the "
                f"scale is {scale}"
            )
        if self.cache_dir is not None and any(step.makes_float for step in self.degradations):
            raise ValueError(
                f"{self.name}: a cache in a folder holds 8 bits; float noise needs "
                "cache='memory' or none"
            )

    def cache_settings(self) -> dict[str, Any]:
        return super().cache_settings() | {
            "degradations": [step.settings() for step in self.degradations],
            "reduced_by": self.reduced_by,
            "colour": self.colour,
            "planes": self.planes,
        }

    def load_pair(self, info: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        gt = read_image(info["gt_path"])
        if self.colour != "rgb":
            gt = _PLANES[self.colour](gt)
        if self.reduced_by > 1:
            gt = bicubic_lr(gt, self.reduced_by)
        if min(gt.shape[:2]) < self.scale:
            height, width = gt.shape[:2]
            raise ValueError(
                f"{info['gt_path']} is {width}x{height}, too small to be downscaled by {self.scale}"
            )
        gt = modcrop(gt, self.scale)
        lq = gt
        for step in self.degradations:
            lq = step(lq, step.generator_of(info["name"]))
        if self.colour != "rgb" and self.planes == 3:
            gt, lq = gt.repeat(3, axis=2), lq.repeat(3, axis=2)
        return lq, gt


def _built(degradations: Sequence[dict | Degradation] | None, scale: int) -> list[Degradation]:
    if degradations is None:
        return [BicubicDown(scale)] if scale > 1 else []
    return [DEGRADATIONS.build(d) if isinstance(d, Mapping) else d for d in degradations]
