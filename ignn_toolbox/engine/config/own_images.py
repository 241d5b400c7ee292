"""One's own pictures as the data of a training: no low-resolution files, no lists of names."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...datasets.file_list import files_by_stem, set_name

_HELD_OUT = 10  # one picture of so many is for validation
_CACHED = 100 * 2**20  # bytes of files; decoded they take several times as much memory
_SAME = ("degradations", "reduced_by", "colour", "planes", "pipeline")  # stay the config's


def use_images(config: Config, folders: Sequence[str | Path]) -> tuple[list[str], list[str]]:
    """Let a config train on the pictures of folders, and validate on a tenth of them.

    What makes an LR picture of each, and how it is cropped and turned, stays the config's.

    Args:
        config: Of a training, not checked yet.
        folders: Of HR pictures; their subfolders are not looked into.

    Returns:
        Names of the pictures to train on, and of those that are held out.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: There are fewer than two pictures, or the config trains on nothing.
    """
    places = [Path(folder).absolute() for folder in folders]
    files = [files_by_stem(folder) for folder in places]
    names = sorted({name for found in files for name in found})
    if len(names) < 2:
        raise ValueError(
            f"{', '.join(map(str, folders))}: a training needs two pictures, one to validate on"
        )
    validation = held_out(names)
    training = sorted(set(names) - set(validation))
    size = sum(path.stat().st_size for found in files for path in found.values())
    own = {
        "type": "RestorationDataset",
        "gt_dir": [str(place) for place in places],
        "cache": "memory" if size <= _CACHED else None,
    }
    loader: Any = config.get("train_dataloader")
    if not isinstance(loader, dict):
        raise ValueError(f"{config.filename} has no train_dataloader: it trains on nothing")
    carried = _carried(loader.get("dataset"))
    loader["dataset"] = {**own, "ann_file": training, **carried}
    former = config.get("val_dataloader")
    former = former[0] if isinstance(former, list) and former else former or {}
    judged = {"pipeline": [{"type": "PackInputs"}], **_carried(former.get("dataset"))}
    config.val_dataloader = {
        "batch_size": 1,
        "num_workers": 0,
        "sampler": {"type": "DefaultSampler", "shuffle": False},
        "dataset": {
            **own,
            "ann_file": validation,
            "name": set_name(places[0]),
            "test_mode": True,
            **judged,
        },
    }
    config.setdefault("val_evaluator", {"type": "SRMetric"})
    config.setdefault("val_cfg", {"type": "MultiValLoop"})
    return training, validation


def held_out(names: Iterable[str]) -> list[str]:
    """Return a tenth of some names, one at least, sorted.

    Which they are depends on the names alone, and a picture more moves at most one of them.
    """
    ranked = sorted(set(names), key=lambda n: hashlib.sha256(n.encode(errors="replace")).digest())
    return sorted(ranked[: max(1, len(ranked) // _HELD_OUT)])


def _carried(dataset: Any) -> dict[str, Any]:
    """What the first data set with a pipeline says of how its pictures are made."""
    for node in _nodes(dataset):
        if node.get("pipeline"):
            return {key: node[key] for key in _SAME if key in node}
    return {}


def _nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        yield node
        for value in node.values():
            yield from _nodes(value)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _nodes(item)
