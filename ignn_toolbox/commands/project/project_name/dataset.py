"""A data set: pairs of pictures, LR and ground truth."""

from typing import Any

from ignn_toolbox.datasets import RestorationDataset
from ignn_toolbox.registry import DATASETS


@DATASETS.register_module()
class MarginDataset(RestorationDataset):
    """Pictures with LR made by the exact bicubic, without their outermost pixels.

    Scans and stills often have a frame that nothing is to be learnt from. A data set of pairs says
    how one pair is loaded; names, lists, caches and augmentation are the base's.

    Args:
        gt_dir: Folder of HR pictures, or several.
        scale: Upscaling factor.
        margin: LR pixels that are cut away on each side.
        kwargs: As in `RestorationDataset`.
    """

    def __init__(self, gt_dir: str | list[str], scale: int, margin: int = 2, **kwargs: Any) -> None:
        if margin < 0:
            raise ValueError(f"margin must be at least 0, got {margin}")
        self.margin = margin
        super().__init__(gt_dir, scale, **kwargs)

    def load_pair(self, info: dict[str, Any]) -> tuple[Any, Any]:
        """Return LR (h, w, 3) and HR (scale h, scale w, 3) of a picture, uint8 RGB."""
        lq, gt = super().load_pair(info)
        return _inside(lq, self.margin), _inside(gt, self.margin * self.scale)

    def cache_settings(self) -> dict[str, Any]:
        """Return what decides how a pair is made: a cache of other settings is not used."""
        return super().cache_settings() | {"margin": self.margin}


def _inside(image: Any, margin: int) -> Any:
    height, width = image.shape[:2]
    return image[margin : height - margin, margin : width - margin]
