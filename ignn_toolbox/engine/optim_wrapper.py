"""The optimizer's step: precision, accumulation, clipping, and batches that are left out."""

import math
import statistics
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypedDict

import torch
import torch.distributed as dist
from mmengine.optim import OptimWrapper

from ..devices import check_precision
from ..registry import OPTIM_WRAPPERS

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
_MEMORY = 100
_WARM_UP = 20


class ClipGrad(TypedDict, total=False):
    """How gradients are clipped: to a norm, or to a value.

    Attributes:
        type: ``norm`` or ``value``.
        max_norm: Largest norm of all gradients.
        norm_type: Which norm.
        clip_value: Largest absolute value of each gradient.
    """

    type: Literal["norm", "value"]
    max_norm: float
    norm_type: float
    clip_value: float


@OPTIM_WRAPPERS.register_module()
class SafeOptimWrapper(OptimWrapper):
    """mmengine's optimizer wrapper with mixed precision on any device and a guard.

    The guard leaves out an update whose loss or gradient norm is not finite or, if asked, exceeds
    ``max_ratio`` times its median over the last 100 updates. With several processes all take the
    same decision: it rests on the reduced gradient and on the largest loss among them.

    Args:
        optimizer: The optimizer.
        accumulative_counts: Iterations whose gradients make one update.
        clip_grad: As `ClipGrad`; None does not clip.
        precision: ``fp32``, ``bf16`` or ``fp16`` (with loss scaling).
        max_ratio: The guard's bound on finite values; None sets none.
        max_skips: Updates in a row that may be left out before training gives up.

    Attributes:
        skipped: Updates left out so far.
        skip_reason: Why the current iteration's update was left out, or None.

    Raises:
        ValueError: An unknown precision, or one that the device does not compute in; a bound that
            is not above 1.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        accumulative_counts: int = 1,
        clip_grad: ClipGrad | None = None,
        precision: str = "fp32",
        max_ratio: float | None = None,
        max_skips: int = 20,
    ) -> None:
        if precision not in PRECISIONS:
            raise ValueError(
                f"unknown precision `{precision}`; choose from {', '.join(PRECISIONS)}"
            )
        if max_ratio is not None and max_ratio <= 1:
            raise ValueError(f"max_ratio must be above 1, got {max_ratio}")
        super().__init__(optimizer, accumulative_counts, clip_grad)  # type: ignore[arg-type]
        self.device = _device_of(optimizer)
        if precision != "fp32":
            check_precision(precision, self.device)
        self.dtype = PRECISIONS[precision]
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "fp16")
        self.max_ratio = max_ratio
        self.max_skips = max_skips
        self.skipped = 0
        self.skipped_in_a_row = 0
        self.skip_reason: str | None = None
        self._largest_loss: torch.Tensor | None = None
        self._recent: dict[str, deque[float]] = {
            "loss": deque(maxlen=_MEMORY),
            "gradient norm": deque(maxlen=_MEMORY),
        }

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        """The context of the forward pass: precision, and no exchange while accumulating."""
        autocast = torch.autocast(
            self.device.type, dtype=self.dtype, enabled=self.dtype is not None
        )
        with super().optim_context(model), autocast:
            yield

    def update_params(self, loss: torch.Tensor, step_kwargs: Any = None, zero_kwargs: Any = None):
        """Add the gradients of a loss, and update the parameters when they are complete."""
        self.skip_reason = None
        # Neither nan nor minus infinity may lose the comparison; read when the step is complete.
        value = loss.detach()
        value = torch.where(value.isfinite(), value, math.inf)
        known = self._largest_loss
        self._largest_loss = value if known is None else torch.maximum(known, value)
        super().update_params(loss, step_kwargs, zero_kwargs)

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Add the gradients of a loss, scaled under fp16."""
        super().backward(self.scaler.scale(loss), **kwargs)

    def step(self, **kwargs: Any) -> None:
        """Clips and applies the accumulated gradients, unless the guard objects."""
        self.scaler.unscale_(self.optimizer)
        self._judge()
        if self.skip_reason is None:
            if self.clip_grad_kwargs:
                self._clip_grad()
            self.scaler.step(self.optimizer, **kwargs)
        if self.scaler.is_enabled():
            self.scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's state, the loss scale and the guard's memory."""
        state = super().state_dict()
        state["loss_scaler"] = self.scaler.state_dict()
        state["guard"] = {
            "skipped": self.skipped,
            "in_a_row": self.skipped_in_a_row,
            "recent": {name: list(values) for name, values in self._recent.items()},
        }
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        state = dict(state_dict)
        scale, guard = state.pop("loss_scaler", None), state.pop("guard", None)
        if scale:
            self.scaler.load_state_dict(scale)
        if guard:
            self.skipped, self.skipped_in_a_row = guard["skipped"], guard["in_a_row"]
            for name, values in guard["recent"].items():
                self._recent[name].extend(values)
        super().load_state_dict(state)

    def _judge(self) -> None:
        loss = self._largest_loss_of_all()
        norm = self._gradient_norm().to(loss.device)
        # one wait for the device, not two
        figures = dict(
            zip(("loss", "gradient norm"), torch.stack((loss, norm)).tolist(), strict=True)
        )
        self._largest_loss = None
        if self._scaler_overflow(figures):
            return
        self.skip_reason = self._objection(figures)
        if self.skip_reason is None:
            self.skipped_in_a_row = 0
            for name, value in figures.items():
                self._recent[name].append(value)
            return
        self.skipped += 1
        self.skipped_in_a_row += 1

    def _scaler_overflow(self, figures: dict[str, float]) -> bool:
        """Overflow is how the loss scale finds its size: the scaler itself drops the update."""
        overflow = math.isfinite(figures["loss"]) and not math.isfinite(figures["gradient norm"])
        return overflow and self.scaler.is_enabled() and self.scaler.get_scale() >= 1

    def _objection(self, figures: dict[str, float]) -> str | None:
        for name, value in figures.items():
            if not math.isfinite(value):
                return f"the {name} is not finite"
            recent = self._recent[name]
            if self.max_ratio is None or len(recent) < _WARM_UP:
                continue
            bound = self.max_ratio * statistics.median(recent)
            if value > bound:
                return f"the {name} {value:.4g} is above {bound:.4g}"
        return None

    def _largest_loss_of_all(self) -> torch.Tensor:
        if self._largest_loss is None:  # a step without a loss
            return torch.zeros((), device=self.device)
        largest = self._largest_loss.clone()
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(largest, op=dist.ReduceOp.MAX)
        return largest

    def _gradient_norm(self) -> torch.Tensor:
        gradients = [
            parameter.grad
            for group in self.optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        return torch.nn.utils.get_total_norm(gradients)


def _device_of(optimizer: torch.optim.Optimizer) -> torch.device:
    """Where the parameters are."""
    return next(p.device for group in optimizer.param_groups for p in group["params"])
