"""The non-local block is mmcv's, in linear memory."""

import pytest
import torch
from mmcv.cnn import NonLocal2d

from ignn_toolbox.models import NonLocal


@pytest.fixture
def blocks():
    """Ours with weights that matter, and the functions to compare it with."""

    def make(channels, **options):
        torch.manual_seed(0)
        ours = NonLocal(channels, **options)
        for parameter in ours.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        theirs = NonLocal2d(channels, **{"use_scale": False, **options})
        own = ours.block.state_dict()
        theirs.load_state_dict(
            {name: own[name.replace(".0.", ".")] for name in theirs.state_dict()}
        )
        return ours.double(), theirs.double()

    return make


@pytest.mark.parametrize("options", [{}, {"use_scale": True}, {"sub_sample": True}])
@pytest.mark.parametrize("channels", [1, 6, 16])
def test_equals_mmcv_with_gradients(blocks, channels, options):
    ours, theirs = blocks(channels, **options)
    x = torch.randn(2, channels, 5, 7, dtype=torch.double)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    out, expected = ours(a, None), theirs(b)
    torch.testing.assert_close(out, expected)
    out.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(a.grad, b.grad)
    torch.testing.assert_close(ours.block.theta.conv.weight.grad, theirs.theta.conv.weight.grad)


@pytest.mark.parametrize("sub_sample", [False, True])
def test_starts_as_identity(sub_sample):
    x = torch.randn(1, 8, 6, 5)
    block = NonLocal(8, sub_sample=sub_sample)
    block.init_weights()
    torch.testing.assert_close(block(x, None), x, rtol=0, atol=0)


def test_memory_stays_far_below_the_matrix_of_pairs():
    """Forward and backward on 96x96: the matrix of pairs alone would be 324 MiB."""
    status = "/proc/self/status"
    block, x = NonLocal(4), torch.randn(1, 4, 96, 96, requires_grad=True)
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError as error:
        pytest.skip(f"the peak of resident memory cannot be reset here: {error}")

    def peak():
        with open(status) as file:
            line = next(line for line in file if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    before = peak()
    block(x, None).sum().backward()
    assert peak() - before < 100
