"""Batches arrive from workers as they are made in the process itself."""

import pickle
import warnings
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from ignn_toolbox.datasets import RestorationDataset, SampleIndex
from ignn_toolbox.datasets.batch import Batch, pack_batch

PIPELINE = [{"type": "PairedRandomCrop", "lq_size": 6}, {"type": "PackInputs"}]


def test_workers_deliver_the_same_batches(hr_dir: Path) -> None:
    data = RestorationDataset(str(hr_dir), 2, pipeline=PIPELINE)
    order = [SampleIndex(draw % 3, draw) for draw in range(8)]
    loaders = [
        DataLoader(data, 4, sampler=order, num_workers=workers, collate_fn=pack_batch)
        for workers in (0, 1)
    ]
    for own, sent in zip(*loaders, strict=True):
        assert own.keys() == sent.keys() == {"inputs", "data_samples"}
        assert all(map(torch.equal, own["inputs"], sent["inputs"]))
        for one, other in zip(own["data_samples"], sent["data_samples"], strict=True):
            assert torch.equal(one.gt_img, other.gt_img)
            assert one.metainfo == other.metainfo


def test_a_batch_travels_in_one_message_and_may_be_written_to(hr_dir: Path) -> None:
    data = RestorationDataset(str(hr_dir), 2, pipeline=[{"type": "PackInputs"}])
    batch = pack_batch([data[0], data[1]])
    sent = pickle.dumps(batch)
    pixels = sum(image.nbytes for image in batch["inputs"])
    pixels += sum(sample.gt_img.nbytes for sample in batch["data_samples"])
    assert pixels < len(sent) < pixels + 4000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = pickle.loads(sent)
    assert isinstance(found, Batch)
    found["inputs"][0].zero_()
    assert int(batch["inputs"][0].sum()) > 0
