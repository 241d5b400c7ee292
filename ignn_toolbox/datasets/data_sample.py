"""What accompanies an LR image through the model: ground truth, prediction and names."""

from mmengine.structures import BaseDataElement
from torch import Tensor

META_KEYS = ("name", "dataset_name", "scale", "lq_path", "gt_path")


class SRDataSample(BaseDataElement):
    """One image's ground truth, prediction and names.

    Attributes:
        gt_img: Ground truth (3, sH, sW), uint8 RGB.
        pred_img: Prediction (3, sH, sW), float RGB clamped to [0, 1].

    Metainfo: ``name`` (file stem), ``dataset_name``, ``scale``, ``lq_path``, ``gt_path`` (a path is
    ``None`` where the image was made in memory); ``seconds`` where the model was timed; ``tuned``
    and ``predicted_gain`` where `InternalLearning` looked at the image.
    """

    gt_img: Tensor
    pred_img: Tensor
