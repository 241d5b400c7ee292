"""Losses against their formulas."""

import pytest
import torch

from ignn_toolbox.registry import MODELS

SR, GT = torch.rand(2, 3, 5, 6, dtype=torch.double), torch.rand(2, 3, 5, 6, dtype=torch.double)
FORMULAS = {
    "L1Loss": lambda d: d.abs().mean(),
    "MSELoss": lambda d: (d**2).mean(),
    "CharbonnierLoss": lambda d: (d**2 + 1e-6).sqrt().mean(),
    "FrequencyLoss": lambda d: _parts(_spectrum(d)).abs().mean(),
}


def _spectrum(image):
    """Half of the discrete Fourier transform, by its definition."""
    height, width = image.shape[-2:]
    rows, columns = torch.arange(height), torch.arange(width)
    down = torch.exp(-2j * torch.pi * torch.outer(rows, rows).double() / height)
    across = torch.exp(-2j * torch.pi * torch.outer(columns, columns).double() / width)
    return (down @ image.to(torch.complex128) @ across)[..., : width // 2 + 1]


def _parts(spectrum):
    return torch.stack((spectrum.real, spectrum.imag))


@pytest.mark.parametrize("name", FORMULAS)
def test_loss_is_its_formula_times_its_weight(name):
    loss = MODELS.build({"type": name, "loss_weight": 0.25})
    torch.testing.assert_close(loss(SR, GT), 0.25 * FORMULAS[name](SR - GT))


@pytest.mark.parametrize("name", FORMULAS)
def test_loss_of_batches_is_the_mean_of_images(name):
    loss = MODELS.build({"type": name})
    each = torch.stack([loss(SR[n : n + 1], GT[n : n + 1]) for n in range(2)])
    torch.testing.assert_close(loss(SR, GT), each.mean())


def test_charbonnier_approaches_l1_and_is_smooth_at_zero():
    wide = MODELS.build({"type": "CharbonnierLoss", "eps": 1e-9})
    torch.testing.assert_close(wide(SR, GT), (SR - GT).abs().mean())
    same = GT.clone().requires_grad_()
    MODELS.build({"type": "CharbonnierLoss"})(same, GT).backward()
    assert not same.grad.any()


@pytest.mark.parametrize("name", FORMULAS)
def test_shapes_must_agree(name):
    message = r"\(2, 3, 5, 6\) and ground truth \(2, 3, 10, 12\) differ.*scales"
    with pytest.raises(ValueError, match=message):
        MODELS.build({"type": name})(SR, torch.zeros(2, 3, 10, 12))


def test_a_sum_of_losses_weighs_each():
    parts = [{"type": "L1Loss"}, {"type": "FrequencyLoss", "loss_weight": 0.05}]
    loss = MODELS.build({"type": "LossSum", "losses": parts})
    expected = FORMULAS["L1Loss"](SR - GT) + 0.05 * FORMULAS["FrequencyLoss"](SR - GT)
    torch.testing.assert_close(loss(SR, GT), expected)


def test_a_sum_of_no_losses_is_refused():
    with pytest.raises(ValueError, match="at least one loss"):
        MODELS.build({"type": "LossSum", "losses": []})
