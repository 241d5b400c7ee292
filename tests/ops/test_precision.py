"""Neighbours are decided in true float32, whatever torch's switches say."""

import pytest
import torch

from ignn_toolbox.models import GraphAgg
from ignn_toolbox.ops import Search, exact_float32, precision, search

CPU = torch.device("cpu")


def switches():
    """How float32 is computed: GPU products, GPU convolutions, CPU products, CPU convolutions."""
    owners = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
    owners += (torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv)
    return [owner.fp32_precision for owner in owners]


@pytest.fixture
def _shortened():
    """Factors may be rounded, to TF32 on a GPU and to bfloat16 on a CPU."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    assert switches() != ["ieee"] * 4
    yield
    torch.set_float32_matmul_precision(before)


def spy_on(monkeypatch, name):
    seen, function = [], getattr(torch, name)

    def spy(*args, **kwargs):
        seen.append(switches())
        return function(*args, **kwargs)

    monkeypatch.setattr(torch, name, spy)
    return seen


@pytest.mark.usefixtures("_shortened")
def test_the_search_multiplies_exactly(monkeypatch):
    before, seen = switches(), spy_on(monkeypatch, "baddbmm")
    search(torch.rand(1, 3, 24, 24), torch.rand(1, 3, 12, 12), Search(2))
    assert seen == [["ieee"] * 4]
    assert switches() == before


@pytest.mark.usefixtures("_shortened")
@pytest.mark.parametrize("train", [False, True])
def test_embedders_convolve_exactly(train):
    seen = []
    module = GraphAgg(4, 2, {"type": "CNNEmbedder", "channels": 4}).train(train)
    module.embedder.register_forward_hook(lambda *_: seen.append(switches()))
    with torch.set_grad_enabled(train):
        module(torch.rand(1, 4, 24, 24), torch.rand(1, 3, 24, 24))
    assert seen == [["ieee"] * 4] * 2


@pytest.mark.usefixtures("_shortened")
def test_switches_come_back_also_after_an_error():
    before = switches()
    with exact_float32(CPU), exact_float32(CPU):
        assert switches() == ["ieee"] * 4
    assert switches() == before
    with pytest.raises(KeyError), exact_float32(CPU):
        raise KeyError
    assert switches() == before


def test_autocast_ends_inside():
    with torch.autocast("cpu", dtype=torch.bfloat16), exact_float32(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_devices_without_autocast_are_served():
    with exact_float32(torch.device("meta")):
        assert torch.zeros(2, device="meta").dtype == torch.float32


@pytest.mark.slow
def test_compiled_convolutions_are_exact_too():
    from torch._dynamo.testing import CompileCounterWithBackend

    module = GraphAgg(4, 2, {"type": "CNNEmbedder", "channels": 4})
    counter = CompileCounterWithBackend("eager")
    maps = torch.rand(1, 4, 24, 24), torch.rand(1, 3, 24, 24)
    compiled = torch.compile(module, backend=counter, fullgraph=True)(*maps)
    names = [str(node.target) for node in counter.graphs[0].graph.nodes]
    assert names.count("ignn_toolbox.exact_conv2d.default") == 2 * 2  # layers times images
    for ours, theirs in zip(compiled, module(*maps), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("stride", [1, (2, 1)])
def test_exact_convolution_is_a_convolution(stride):
    conv = torch.nn.Conv2d(2, 4, 3, stride, padding=(1, 0), dilation=2, groups=2).double()
    x = torch.randn(2, 2, 9, 8, dtype=torch.double, requires_grad=True)
    ours = precision._conv2d(x, conv.weight, conv.bias, stride, (1, 0), 2, 2)
    torch.testing.assert_close(ours, conv(x))
    arguments = (x, conv.weight, conv.bias)
    assert torch.autograd.gradcheck(
        lambda *a: precision._conv2d(*a, stride, (1, 0), 2, 2), arguments, fast_mode=True
    )
