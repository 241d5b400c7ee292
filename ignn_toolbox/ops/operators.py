"""How operators are registered: one road for eager, compiled, exported and planned use.

An operator has a kernel for every device, made of torch's own operators; a faster one for a device
is one more `implement`. Compilers and dry runs see its shapes only. It is registered through
`torch.library.Library`, because the first call of a `torch.library.custom_op` imports the compiler,
which takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_NAMESPACE = "ignn_toolbox"
_LIBRARY = torch.library.Library(_NAMESPACE, "DEF")
_ANY_DEVICE = "CompositeExplicitAutograd"


def define(
    schema: str,
    kernel: Callable[..., Any],
    fake: Callable[..., Any],
    backward: Callable[..., Any] | None = None,
    save: Callable[..., None] | None = None,
) -> torch._ops.OpOverload:
    """Register an operator and return it.

    Args:
        schema: Its name, arguments and results, as in ``"double(Tensor x) -> Tensor"``. Arguments
            that depend on an image's size are ``SymInt``.
        kernel: Computes it on any device, without gradient.
        fake: Makes empty results of the right shapes, from tensors without values; must not ask
            whether one size is larger than another, which would tie an exported program to it.
        backward: ``backward(ctx, *gradients)``, see `torch.library.register_autograd`; an operator
            without has no gradient.
        save: ``save(ctx, inputs, output)``, what ``backward`` finds in ``ctx``.
    """
    name = schema.partition("(")[0]
    _LIBRARY.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    _LIBRARY.impl(name, kernel, _ANY_DEVICE)
    torch.library.register_fake(f"{_NAMESPACE}::{name}", fake, lib=_LIBRARY)
    if backward is not None:
        torch.library.register_autograd(
            f"{_NAMESPACE}::{name}", backward, setup_context=save, lib=_LIBRARY
        )
    return getattr(torch.ops.ignn_toolbox, name).default


def implement(operator: torch._ops.OpOverload, kernel: Callable[..., Any], device: str) -> None:
    """Give an operator a kernel of its own on one device, ``"CPU"`` or ``"CUDA"``."""
    _LIBRARY.impl(operator, kernel, device)
