"""Configs are found again in the tensors' shapes; spandrel, or what stands for it, loads them."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from ignn_toolbox.checkpoint import load_checkpoint
from ignn_toolbox.engine.config import load_config
from ignn_toolbox.export import ExportError
from ignn_toolbox.export.recognise import Untold, is_ours, network_config
from ignn_toolbox.export.spandrel import register
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo import zoo_models
from ignn_toolbox.zoo.index import bundled_configs

LEARNT = [
    name
    for name, path in bundled_configs().items()
    if load_config(path).model.network.type in ("EDSR", "RCAN")
]


def attributes(network: torch.nn.Module) -> dict[str, Any]:
    """Every plain value inside a network, by module."""
    plain = (int, float, str, bool, type(None))
    return {
        f"{name}.{key}": value
        for name, module in network.named_modules()
        for key, value in vars(module).items()
        if isinstance(value, plain) and key not in ("training", "weights", "init_cfg", "_is_init")
    }


@pytest.mark.parametrize("name", LEARNT)
def test_every_bundled_network_is_found_again(name):
    wanted = load_config(name).model.network.to_dict()
    with torch.device("meta"):
        network = MODELS.build(wanted)
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    graph = wanted.get("aggregator") or {}
    names = ("num_neighbors", "window", "window_mode", "adapn", "distance_divisor", "sub_sample")
    names += ("levels", "identity_scale", "sampling")
    told = {name: graph[name] for name in names if name in graph}
    if "aggregate_after" in wanted:
        told["aggregate_after"] = wanted["aggregate_after"]
    found = network_config(state, Untold(**told))
    with torch.device("meta"):
        again = MODELS.build(found)
    assert {k: v.shape for k, v in again.state_dict().items()} == {
        k: v.shape for k, v in network.state_dict().items()
    }
    is_control = graph.get("neighbors", "nearest") != "nearest"  # which the tensors do not tell
    left_out = ("aggregator.neighbors", "aggregator.not_exported") if is_control else ()
    expected = {k: v for k, v in attributes(network).items() if k not in left_out}
    assert {k: v for k, v in attributes(again).items() if k not in left_out} == expected


def test_other_tensors_are_not_taken_for_ours():
    assert not is_ours({"head.0.weight": torch.zeros(1), "body.0.weight": torch.zeros(1)})
    state = {f"network.{name}.weight": torch.zeros(4, 3) for name in ("stem", "body_end")}
    assert not is_ours(state)
    with pytest.raises(ValueError, match="not the tensors of an EDSR or RCAN"):
        network_config(state)


class _Registry(list):
    """What of spandrel is used, as its version 0.4 has it."""

    add = list.append

    def load(self, state: dict) -> Any:
        return next(arch.load(state) for arch in self if arch._detect(state))


@pytest.fixture
def spandrel(monkeypatch) -> ModuleType:
    module: Any = ModuleType("spandrel")

    class Architecture:
        def __init__(self, *, id, detect, name=None):
            self.id, self.name, self._detect = id, name, detect

    def descriptor(model, state_dict, **options):
        model.load_state_dict(state_dict)
        return SimpleNamespace(model=model, **options)

    module.Architecture = Architecture
    module.ImageModelDescriptor = descriptor
    module.SizeRequirements = SimpleNamespace
    module.ModelTiling = SimpleNamespace(SUPPORTED=1, DISCOURAGED=2)
    module.ArchSupport = SimpleNamespace(from_architecture=lambda arch: arch)
    module.MAIN_REGISTRY = _Registry()
    monkeypatch.setitem(sys.modules, "spandrel", module)
    return module


@pytest.mark.parametrize(
    "name", [n for n, m in zoo_models().items() if m.weights and m.config.stem in LEARNT]
)
def test_shipped_models_load_through_a_registry(name, spandrel):
    register()
    shipped = zoo_models()[name]
    content = load_checkpoint(shipped.weights)
    model = spandrel.MAIN_REGISTRY.load(content["state_dict"])
    wanted = MODELS.build(content["meta"]["config"]).eval()
    wanted.load_state_dict(content["state_dict"])
    lq = torch.rand(1, 3, 20, 23)
    with torch.inference_mode():
        assert torch.equal(model.model(lq), wanted.network(lq))
    assert model.scale == shipped.scale
    assert model.size_requirements.minimum == wanted.network.spec.min_size
    assert model.tiling == (1 if wanted.network.aggregator is None else 2)


def test_a_missing_spandrel_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(ExportError, match=r"ignn_toolbox\[spandrel\]"):
        register()
