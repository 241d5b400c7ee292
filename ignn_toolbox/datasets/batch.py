"""Batches, and how they travel from a worker to the process that trains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .data_sample import SRDataSample


class Batch(dict):
    """A batch ``dict(inputs=[...], data_samples=[...])`` that is cheap to send.

    PyTorch hands every tensor from process to process by a file descriptor of its own, which costs
    more than the pixels of a crop. Here they travel as plain bytes, all in one message.
    """

    def __reduce__(self) -> tuple[Any, tuple]:
        images = [image.numpy() for image in self["inputs"]]
        samples = [
            (sample.metainfo, {key: _to_array(value) for key, value in sample.items()})
            for sample in self["data_samples"]
        ]
        return _unpacked, (images, samples)


def pack_batch(samples: Sequence[dict[str, Any]]) -> Batch:
    """Joins what ``PackInputs`` made; the images are not stacked, their sizes may differ.

    Args:
        samples: ``dict(inputs, data_samples)`` of each image.
    """
    return Batch({key: [sample[key] for sample in samples] for key in ("inputs", "data_samples")})


def _unpacked(images: list[np.ndarray], samples: list[tuple[dict, dict]]) -> Batch:
    made = []
    for metainfo, fields in samples:
        sample = SRDataSample(metainfo=metainfo)
        for key, value in fields.items():
            sample.set_field(
                torch.from_numpy(value) if isinstance(value, np.ndarray) else value, key
            )
        made.append(sample)
    return Batch(inputs=[torch.from_numpy(image) for image in images], data_samples=made)


def _to_array(value: Any) -> Any:
    return value.numpy() if isinstance(value, Tensor) else value
