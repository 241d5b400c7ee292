"""Whole numbers in a file's config, at every place where a registered part takes one."""

import contextlib
import copy
import inspect
import sys
import time

import pytest
import torch

from ignn_toolbox.apis import init_model
from ignn_toolbox.checkpoint import CheckpointError
from ignn_toolbox.registry import MODELS

from .models import tiny

EDSR = {"type": "EDSR", "scale": 2, "channels": 4, "num_blocks": 2}
GRAPH = {"type": "GraphAgg", **tiny.AGGREGATORS["GraphAgg"]}


def restorers() -> dict[str, tuple[dict, tuple[str, ...]]]:
    """A restorer around the tiny form of everything registered, and where in it that stands."""

    def around(**network) -> dict:
        return {"type": "Restorer", "network": {**EDSR, **network}}

    found: dict[str, tuple[dict, tuple[str, ...]]] = {}
    for kind, options in tiny.NETWORKS.items():
        config = {"type": "Restorer", "network": {"type": kind, **options}}
        found[kind] = config, ("network",)
    for kind, options in tiny.AGGREGATORS.items():
        config = around(aggregator={"type": kind, **options})
        found[kind] = config, ("network", "aggregator")
    for kind, options in tiny.EMBEDDERS.items():
        config = around(aggregator={**GRAPH, "embedder": {"type": kind, **options}})
        found[kind] = config, ("network", "aggregator", "embedder")
    for kind, options in tiny.LOSSES.items():
        found[kind] = {**around(), "loss": {"type": kind, **options}}, ("loss",)
    return found


def whole_numbers(kind: str) -> set[str]:
    """Arguments of a registered class that are annotated as whole numbers."""
    constructors = [vars(c)["__init__"] for c in MODELS.get(kind).__mro__ if "__init__" in vars(c)]
    parameters = [p for c in constructors for p in inspect.signature(c).parameters.values()]
    return {p.name for p in parameters if "int" in str(p.annotation)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", restorers())
def test_no_number_in_a_file_costs_more_than_a_refusal(kind, tmp_path) -> None:
    config, place = restorers()[kind]
    content = {"state_dict": MODELS.build(copy.deepcopy(config)).state_dict()}
    for key in whole_numbers(kind):
        for value in (2**40, 2**28, 2**20, -1):
            changed = copy.deepcopy(config)
            node = changed
            for step in place:
                node = node[step]
            node[key] = value
            torch.save(content | {"meta": {"config": changed}}, tmp_path / "bad.pth")
            before, started = peak(), time.process_time()
            with contextlib.suppress(CheckpointError):
                init_model(tmp_path / "bad.pth")
            assert time.process_time() - started < 5, (key, value)
            assert peak() - before < 300, (key, value)


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    resource = pytest.importorskip("resource")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


@pytest.mark.parametrize("key", ["num_neighbors", "window"])
def test_a_search_that_no_picture_is_large_enough_for_is_told_at_once(key, tmp_path) -> None:
    config = {"type": "Restorer", "network": {**EDSR, "aggregator": {**GRAPH, key: 2**19}}}
    state = MODELS.build(copy.deepcopy(config)).state_dict()
    torch.save({"meta": {"config": config}, "state_dict": state}, tmp_path / "x.pth")
    started = time.process_time()
    init_model(tmp_path / "x.pth")
    assert time.process_time() - started < 5
    config["network"]["aggregator"][key] = 2**36
    torch.save({"meta": {"config": config}, "state_dict": state}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=f"aggregator.{key} is int"):
        init_model(tmp_path / "x.pth")


def test_how_pictures_are_restored_is_not_the_files_to_say(tmp_path) -> None:
    config = {"type": "Restorer", "network": EDSR}
    state = MODELS.build(copy.deepcopy(config)).state_dict()
    endless = {"type": "InternalLearning", "steps": 10**6}
    torch.save(
        {"meta": {"config": {**config, "adapt": endless}}, "state_dict": state}, tmp_path / "x.pth"
    )
    assert init_model(tmp_path / "x.pth").adapt is None
