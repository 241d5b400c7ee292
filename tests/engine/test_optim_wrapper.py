"""The optimizer's wrapper: precision, the guard against exploding batches, what is remembered."""

import math

import pytest
import torch
from torch import nn

from ignn_toolbox.engine.optim_wrapper import SafeOptimWrapper


def wrapper(**options) -> tuple[nn.Module, SafeOptimWrapper]:
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    return model, SafeOptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3), **options)


def step(model: nn.Module, wrapped: SafeOptimWrapper, factor: float = 1.0) -> bool:
    """One update; returns whether the weights changed."""
    before = model.weight.detach().clone()
    with wrapped.optim_context(model):
        loss = factor * model(torch.ones(2, 4)).square().mean() + factor
    wrapped.update_params(loss)
    return not torch.equal(before, model.weight)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_the_forward_pass_runs_in_the_precision_asked_for(precision: str, dtype) -> None:
    model, wrapped = wrapper(precision=precision)
    with wrapped.optim_context(model):
        assert model(torch.ones(2, 4)).dtype == dtype
    assert model.weight.dtype == torch.float32
    # The first scales of fp16 may overflow: their updates are left out.
    assert any(step(model, wrapped) for _ in range(8))


@pytest.mark.parametrize("factor", [math.nan, math.inf, 1e4])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_exploding_batch_changes_nothing(factor: float, precision: str) -> None:
    model, wrapped = wrapper(max_ratio=10, precision=precision)
    assert all(step(model, wrapped) for _ in range(25))
    assert not step(model, wrapped, factor)
    assert wrapped.skipped == 1
    assert wrapped.skip_reason is not None
    assert step(model, wrapped)
    assert (wrapped.skip_reason, wrapped.skipped_in_a_row) == (None, 0)


def test_accumulated_gradients_of_an_exploding_batch_are_dropped_together() -> None:
    model, wrapped = wrapper(max_ratio=10, accumulative_counts=2)
    for _ in range(50):
        step(model, wrapped)
    assert not step(model, wrapped, math.nan)
    assert not step(model, wrapped)
    assert wrapped.skipped == 1
    assert not step(model, wrapped)
    assert step(model, wrapped)


@pytest.mark.parametrize("factor", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_left_out_by_default(factor: float) -> None:
    model, wrapped = wrapper()
    assert not step(model, wrapped, factor)
    assert (wrapped.skipped, wrapped.skipped_in_a_row) == (1, 1)
    assert wrapped.skip_reason == "the loss is not finite"
    assert torch.isfinite(model.weight).all()
    assert all(step(model, wrapped) for _ in range(25))
    assert step(model, wrapped, 1e4), "only finite explosions need a max_ratio"


def test_a_gradient_that_is_not_finite_is_left_out_by_default() -> None:
    model, wrapped = wrapper()
    model.weight.register_hook(lambda gradient: gradient * math.inf)
    assert not step(model, wrapped)
    assert wrapped.skip_reason == "the gradient norm is not finite"


def test_an_overflow_of_the_loss_scale_is_no_explosion() -> None:
    model, wrapped = wrapper(max_ratio=10, precision="fp16")
    scale = wrapped.scaler.get_scale()
    for _ in range(25):
        step(model, wrapped)
    wrapped.scaler.update(torch.tensor(1e38))
    assert not step(model, wrapped, 100.0)
    assert wrapped.skipped == 0
    assert wrapped.scaler.get_scale() < 1e38
    assert scale > 1


def test_the_guard_remembers_across_a_resume() -> None:
    model, wrapped = wrapper(max_ratio=10)
    for _ in range(25):
        step(model, wrapped)
    step(model, wrapped, math.nan)
    again, restored = wrapper(max_ratio=10)
    again.load_state_dict(model.state_dict())
    restored.load_state_dict(wrapped.state_dict())
    assert (restored.skipped, restored.skipped_in_a_row) == (1, 1)
    assert not step(again, restored, 1e4)


def test_senseless_options_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown precision `fp8`"):
        wrapper(precision="fp8")
    with pytest.raises(ValueError, match="max_ratio must be above 1"):
        wrapper(max_ratio=0.5)
