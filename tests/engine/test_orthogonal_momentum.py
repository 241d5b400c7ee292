"""The optimizer whose updates of matrices are orthogonal."""

import copy

import pytest
import torch
from torch import nn

from ignn_toolbox.engine.orthogonal_momentum import OrthogonalMomentum, orthogonalise
from ignn_toolbox.registry import OPTIMIZERS


@pytest.mark.parametrize("shape", [(3, 8, 30), (3, 30, 8), (2, 12, 12)])
def test_singular_values_become_about_one_and_singular_vectors_stay(shape):
    torch.manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    values = torch.logspace(0, -1.5, min(shape[1:]))
    result = orthogonalise(u @ torch.diag(values) @ v)
    found = u.mT @ result @ v.mT
    diagonal = torch.diagonal(found, dim1=1, dim2=2)
    assert diagonal.min() > 0.65
    assert diagonal.max() < 1.25
    torch.testing.assert_close(found, torch.diag_embed(diagonal), atol=1e-4, rtol=0)


def test_no_gradient_is_no_update():
    assert not orthogonalise(torch.zeros(1, 4, 9)).any()


def test_vectors_are_adams():
    torch.manual_seed(0)
    ours, theirs = (nn.Parameter(torch.ones(7)) for _ in range(2))
    first = OrthogonalMomentum([ours], lr=0.01)
    second = torch.optim.Adam([theirs], lr=0.01)
    for _ in range(5):
        ours.grad = torch.randn(7)
        theirs.grad = ours.grad.clone()
        first.step()
        second.step()
    torch.testing.assert_close(ours, theirs)


def test_an_update_of_a_convolution_is_of_adams_size_whatever_the_gradients():
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(32, 32, 3, 3))
    weight.grad = 1e-6 * torch.randn_like(weight)
    OPTIMIZERS.build({"type": "OrthogonalMomentum", "params": [weight], "lr": 1.0}).step()
    assert 0.15 < weight.square().mean().sqrt() < 0.25


def test_a_step_does_not_depend_on_memory_format_or_neighbours():
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3))
    other = copy.deepcopy(plain).to(memory_format=torch.channels_last)
    together = OrthogonalMomentum(plain.parameters(), lr=0.1)
    alone = [OrthogonalMomentum(layer.parameters(), lr=0.1) for layer in other]
    image = torch.randn(2, 3, 9, 9)
    for network in (plain, other):
        network(image).square().mean().backward()
    together.step()
    for optimizer in alone:
        optimizer.step()
    for one, two in zip(plain.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


def test_its_state_continues_it():
    def stepped(optimizer, weight, times):
        for step in range(times):
            weight.grad = torch.full_like(weight, step + 1.0) * torch.arange(12).view(3, 4)
            optimizer.step()

    weight = nn.Parameter(torch.zeros(3, 4))
    optimizer = OrthogonalMomentum([weight], lr=0.1)
    stepped(optimizer, weight, 2)
    resumed = nn.Parameter(weight.detach().clone())
    second = OrthogonalMomentum([resumed], lr=0.1)
    second.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    stepped(optimizer, weight, 2)
    stepped(second, resumed, 2)
    assert torch.equal(weight, resumed)


@pytest.mark.parametrize("options", [{"lr": -1.0}, {"momentum": 1.0}])
def test_what_cannot_be(options):
    with pytest.raises(ValueError, match="lr must be positive and momentum in"):
        OrthogonalMomentum([nn.Parameter(torch.zeros(2, 2))], **options)
