"""Batches, and how they travel from a worker to the process that trains."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .data_sample import META_KEYS, SRDataSample


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
    """Join what ``PackInputs`` made; the images are not stacked, their sizes may differ.

    Args:
        samples: ``dict(inputs, data_samples)`` of each image.

    Raises:
        TypeError: A data set yields something else; says what is wanted.
    """
    for sample in samples:
        _check(sample)
    return Batch({key: [sample[key] for sample in samples] for key in ("inputs", "data_samples")})


def _check(sample: Any) -> None:
    """Raise where a data set's item is not what `PackInputs` makes."""
    wanted = (
        "a data set must yield dict(inputs=tensor (3, h, w), data_samples=SRDataSample), as the "
        "transform PackInputs makes it"
    )
    if not isinstance(sample, dict) or not {"inputs", "data_samples"} <= sample.keys():
        told = f"keys {sorted(map(str, sample))}" if isinstance(sample, dict) else _kind(sample)
        raise TypeError(f"{wanted}; got {told}")
    image, data = sample["inputs"], sample["data_samples"]
    if not isinstance(image, Tensor):
        raise TypeError(f"{wanted}; its inputs are {_kind(image)}")
    if not isinstance(data, SRDataSample):
        raise TypeError(f"{wanted}; its data_samples are {_kind(data)}")
    missing = [key for key in META_KEYS if key not in data.metainfo_keys()]
    if missing:
        raise TypeError(f"{wanted}; the sample lacks the metainfo {', '.join(missing)}")


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


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
