"""The last step: tensors for the model."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...registry import TRANSFORMS
from ..data_sample import META_KEYS, SRDataSample


@TRANSFORMS.register_module()
class PackInputs:
    """Packs a pair into ``dict(inputs, data_samples)``.

    ``inputs`` is the LR image as a uint8 tensor (3, h, w), RGB; ``data_samples`` an
    `SRDataSample` with ``gt_img`` (3, scale h, scale w) likewise, and the names.
    """

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        sample = SRDataSample(metainfo={key: results[key] for key in META_KEYS})
        sample.gt_img = _tensor(results["gt"])
        return {"inputs": _tensor(results["lq"]), "data_samples": sample}

    def __repr__(self) -> str:
        return "PackInputs()"


def _tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
