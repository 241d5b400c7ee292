"""Optimizer whose updates of matrices are orthogonal."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ..registry import OPTIMIZERS

# Coefficients of the quintic iteration that Jordan et al. tuned: singular values come near 1 soon.
_QUINTIC = (3.4445, -4.7750, 2.0315)


@OPTIMIZERS.register_module()
class OrthogonalMomentum(torch.optim.Optimizer):
    """Muon: the momentum of a matrix, its singular values made equal, is the update.

    A convolution's weight is a matrix of one row an output channel. The update is scaled to the
    size of Adam's, so that Adam's learning rates serve; parameters of one dimension are Adam's.

    Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; the
    scale is that of Liu et al., "Muon is Scalable for LLM Training", 2025.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate, on Adam's scale.
        momentum: Of the matrices' Nesterov momentum.
        betas: Adam's, for what is no matrix.
        eps: Adam's.

    Raises:
        ValueError: The rate is negative, or the momentum not in [0, 1).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        if lr < 0 or not 0 <= momentum < 1:
            raise ValueError(f"lr must be positive and momentum in [0, 1), got {lr}, {momentum}")
        super().__init__(params, dict(lr=lr, momentum=momentum, betas=tuple(betas), eps=eps))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Update the parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            matrices: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if parameter.ndim < 2:
                    self._adam(parameter, group)
                    continue
                momentum = self._nesterov(parameter, group["momentum"]).flatten(1)
                matrices[tuple(momentum.shape)].append((parameter, momentum))
            for shape, members in matrices.items():
                updates = orthogonalise(torch.stack([momentum for _, momentum in members]))
                scale = 0.2 * math.sqrt(max(shape))
                for (parameter, _), update in zip(members, updates, strict=True):
                    parameter.add_(update.view(parameter.shape), alpha=-group["lr"] * scale)
        return loss

    def _nesterov(self, parameter: Tensor, momentum: float) -> Tensor:
        state = self.state[parameter]
        gradient = parameter.grad.contiguous()  # type: ignore[union-attr]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(state["momentum"], momentum)

    def _adam(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state, (beta1, beta2) = self.state[parameter], group["betas"]
        gradient = parameter.grad
        assert gradient is not None
        if not state:
            state["step"] = 0
            state["first"], state["second"] = (torch.zeros_like(parameter) for _ in range(2))
        state["step"] += 1
        state["first"].lerp_(gradient, 1 - beta1)
        state["second"].lerp_(gradient * gradient, 1 - beta2)
        mean = state["first"] / (1 - beta1 ** state["step"])
        spread = (state["second"] / (1 - beta2 ** state["step"])).sqrt_()
        parameter.addcdiv_(mean, spread.add_(group["eps"]), value=-group["lr"])


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Make all singular values of ``(B, m, n)`` about 1, by Newton and Schulz's iteration.

    Five steps bring singular values of a hundredth of the largest and more to between 0.7 and 1.2,
    which is near enough for an update.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-12)
    a, b, c = _QUINTIC
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x
