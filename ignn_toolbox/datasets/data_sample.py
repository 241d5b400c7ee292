"""What accompanies an LR image through the model: ground truth, prediction and names."""

from mmengine.structures import BaseDataElement
from torch import Tensor


class SRDataSample(BaseDataElement):
    """One image's ground truth and prediction.

    Metainfo: ``name`` (file stem), ``dataset_name``, ``scale``, ``lq_path``, ``gt_path`` (``None``
    where the image was made in memory or does not exist).
    """

    @property
    def gt_img(self) -> Tensor:
        """Ground truth (3, sH, sW), uint8 RGB."""
        return self._gt_img

    @gt_img.setter
    def gt_img(self, value: Tensor) -> None:
        self.set_field(value, "_gt_img", dtype=Tensor)

    @gt_img.deleter
    def gt_img(self) -> None:
        del self._gt_img

    @property
    def pred_img(self) -> Tensor:
        """Prediction (3, sH, sW), float RGB clamped to [0, 1]."""
        return self._pred_img

    @pred_img.setter
    def pred_img(self, value: Tensor) -> None:
        self.set_field(value, "_pred_img", dtype=Tensor)

    @pred_img.deleter
    def pred_img(self) -> None:
        del self._pred_img
