"""True float32 where neighbours are decided.

Searches must find the same neighbours on every machine. By default a GPU computes convolutions, and
after ``torch.set_float32_matmul_precision("high")`` also matrix products, with 10 bits of mantissa
(TF32), a CPU after ``"medium"`` with 7 (bfloat16).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .operators import define

_BACKENDS: Any = torch.backends


def exact_float32(device: torch.device) -> contextlib.AbstractContextManager:
    """Inside, float32 is computed as float32 on ``device``: no autocast, no shortened products.

    torch's switches hold for the whole process, and are put back at the end. A compiler cannot
    follow them: in a compiled program convolutions are exact, other products as the switches say.
    """
    if torch.compiler.is_compiling():
        return _exact_compiled(device)
    return _exact(device.type)


def without_autocast(device: torch.device) -> contextlib.AbstractContextManager:
    """Inside, products are of their factors' precision; an exported program knows nothing else."""
    if torch.compiler.is_exporting():
        return contextlib.nullcontext()
    return torch.autocast(device.type, enabled=False)


def exactly(kernel: Callable) -> Callable:
    """Run an operator's kernel in `exact_float32`; its first argument is a tensor."""

    @functools.wraps(kernel)
    def exact(first: Tensor, *rest: Any) -> Any:
        with _exact(first.device.type):
            return kernel(first, *rest)

    return exact


@contextlib.contextmanager
def _exact(kind: str) -> Iterator[None]:
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in _switches()]
    try:
        for owner, name, exact in _switches():
            setattr(owner, name, exact)
        if torch.amp.is_autocast_available(kind):
            with torch.autocast(kind, enabled=False):
                yield
        else:
            yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


@contextlib.contextmanager
def _exact_compiled(device: torch.device) -> Iterator[None]:
    with without_autocast(device), _ExactConvolutions():
        yield


def _switches() -> list[tuple[Any, str, Any]]:
    """Where torch is told how to compute float32: owner, attribute, the exact setting."""
    if not hasattr(_BACKENDS, "fp32_precision"):  # torch < 2.9
        return [
            (_BACKENDS.cuda.matmul, "allow_tf32", False),
            (_BACKENDS.cudnn, "allow_tf32", False),
        ]
    owners = [_BACKENDS.cuda.matmul, _BACKENDS.cudnn.conv, _BACKENDS.mkldnn.matmul]
    return [(owner, "fp32_precision", "ieee") for owner in [*owners, _BACKENDS.mkldnn.conv]]


class _ExactConvolutions(TorchFunctionMode):
    """Puts the operator `exact_conv2d` in the place of convolutions, for a compiler."""

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func is torch.conv2d:
            return _conv2d(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """`torch.conv2d` by way of `exact_conv2d`."""
    if isinstance(padding, str):
        raise TypeError(f"padding={padding!r} cannot be compiled here: give pixels")
    sides = ([n, n] if isinstance(n, int) else list(n) for n in (stride, padding, dilation))
    return exact_conv2d(x, weight, bias, *sides, groups)


def _convolution_backward(
    grad: Tensor, x: Tensor, weight: Tensor, *options: Any
) -> tuple[Tensor, Tensor, Tensor]:
    *sides, groups = options
    sizes, nowhere, all_of_them = [weight.shape[0]], [0, 0], [True, True, True]
    return torch.ops.aten.convolution_backward(
        grad, x, weight, sizes, *sides, False, nowhere, groups, all_of_them
    )


def _save(ctx: Any, inputs: tuple, output: Tensor) -> None:
    x, weight, bias, *ctx.options = inputs
    ctx.save_for_backward(x, weight)
    ctx.has_bias = bias is not None


def _backward(ctx: Any, grad: Tensor) -> tuple:
    x, weight, bias = _operator_backward(grad, *ctx.saved_tensors, *ctx.options)
    return x, weight, bias if ctx.has_bias else None, None, None, None, None


_OPTIONS = "SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups"
_operator_backward = define(
    f"exact_conv2d_backward(Tensor grad, Tensor x, Tensor weight, {_OPTIONS}) -> "
    "(Tensor, Tensor, Tensor)",
    exactly(_convolution_backward),
    _convolution_backward,
)
exact_conv2d = define(
    f"exact_conv2d(Tensor x, Tensor weight, Tensor? bias, {_OPTIONS}) -> Tensor",
    exactly(torch.conv2d),
    torch.conv2d,
    _backward,
    _save,
)
