"""On a device that is not the CPU: nothing mixes, nothing is read back, nothing is copied again.

The device is pretended, see `frame.pretend_device`; no hardware is needed. `test_pretend_device`
runs these tests in a process of their own.
"""

import kernel_counts
import pytest
import torch
from frame.pretend_device import pretend_device

from ignn_toolbox.models.spec import Outputs
from ignn_toolbox.registry import MODELS

from .tiny import AGGREGATORS, EMBEDDERS, LOSSES, NETWORKS

EDSR = {"type": "EDSR", "scale": 2, "channels": 4, "num_blocks": 2}
GRAPH = {"type": "GraphAgg"} | AGGREGATORS["GraphAgg"]
CONFIGS = {name: {"type": name} | options for name, options in NETWORKS.items()}
CONFIGS |= {
    name: EDSR | {"aggregator": {"type": name} | options} for name, options in AGGREGATORS.items()
}
CONFIGS |= {
    name: EDSR | {"aggregator": GRAPH | {"embedder": {"type": name} | options}}
    for name, options in EMBEDDERS.items()
}
LONG = {name: pytest.param(name, marks=pytest.mark.slow) for name in ("CSNLN", "PANet")}
CONFIGS["random neighbours"] = EDSR | {"aggregator": GRAPH | {"neighbors": "random"}}
CONFIGS["weights by distance"] = EDSR | {"aggregator": GRAPH | {"ecn": False}}
CONFIGS["low memory"] = EDSR | {"aggregator": GRAPH | {"memory": "low"}}


@pytest.mark.filterwarnings("ignore:VGGEmbedder")
@pytest.mark.parametrize("train", [False, True], ids=["picture", "training"])
@pytest.mark.parametrize("name", [LONG.get(name, name) for name in CONFIGS])
def test_networks_stay_on_their_device(name, train):
    network = kernel_counts.ready(MODELS.build(CONFIGS[name])).train(train)
    with pretend_device() as device, torch.set_grad_enabled(train):
        device.place(network)
        lq = device.empty(2, network.spec.channels[0], 12, 13)
        for _ in range(2):
            with device.count() as counts:
                out = network(lq)
                results = [out.sr, *out.earlier] if isinstance(out, Outputs) else [out]
                if train and results[0].requires_grad:
                    sum(result.abs().mean() for result in results).backward()
        assert {result.device for result in results} == {device.device}
        assert {p.grad.device for p in network.parameters() if p.grad is not None} <= {
            device.device
        }
    assert (counts.to_device, counts.to_host) == (0, 0)
    assert counts.launches > 0


@pytest.mark.parametrize("name", LOSSES)
def test_losses_stay_on_their_device(name):
    loss = MODELS.build({"type": name} | LOSSES[name])
    with pretend_device() as device:
        device.place(loss)
        images = [device.empty(2, 3, 16, 16, requires_grad=True) for _ in range(2)]
        for _ in range(2):
            with device.count() as counts:
                value = loss(*images)
                value.backward()
        assert value.device == device.device
    assert (counts.to_device, counts.to_host) == (0, 0)


@pytest.mark.parametrize("case", kernel_counts.cases()[:6], ids=lambda case: case.name)
def test_launches_are_few_and_steps_copy_nothing(case):
    counts = kernel_counts.count(case)
    assert (counts.to_device, counts.to_host) == (0, 0)
    assert case.limit is None or counts.launches <= case.limit


@pytest.mark.slow
@pytest.mark.parametrize("case", kernel_counts.cases()[6:], ids=lambda case: case.name)
def test_launches_do_not_grow_with_batch_crop_or_neighbours(case):
    counts = kernel_counts.count(case)
    assert (counts.to_device, counts.to_host) == (0, 0)
    assert counts.launches <= case.limit


def test_the_first_step_copies_its_tables():
    network = MODELS.build(CONFIGS["GraphAgg"])
    with pretend_device() as device:
        device.place(network)
        with device.count() as counts:
            network(device.empty(1, 3, 24, 24))
    assert counts.to_device > 0


def test_the_device_refuses_what_a_card_refuses():
    with pretend_device() as device:
        x = device.empty(2, 2)
        with pytest.raises(RuntimeError, match="device"):
            x + torch.empty(2, 2)
        with pytest.raises(Exception, match="item|_local_scalar_dense"):
            x.sum().item()


def test_what_is_counted():
    with pretend_device() as device:
        x = device.empty(4, 4)
        with device.count() as counts:
            y = (x.view(2, 8).t()[1:] * 2 + 1).cpu()
            x.copy_(torch.empty(4, 4))
        assert y.device.type == "cpu"
    assert counts.kernels == {"mul": 1, "add": 1, "copy_": 1}
    assert (counts.to_device, counts.to_host) == (1, 1)
