"""True float32 where neighbours are decided.

Searches must find the same neighbours on every machine. By default a GPU computes convolutions, and
after ``torch.set_float32_matmul_precision("high")`` also matrix products, with 10 bits of mantissa
(TF32), a CPU after ``"medium"`` with 7 (bfloat16).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

_BACKENDS: Any = torch.backends


@contextlib.contextmanager
def exact_float32(device: torch.device | str) -> Iterator[None]:
    """Inside, float32 is computed as float32 on ``device``: no autocast, no shortened products.

    The switches hold for the whole process, and are put back at the end.
    """
    kind = torch.device(device).type
    if not torch.amp.is_autocast_available(kind):
        with _switched():
            yield
        return
    with torch.autocast(kind, enabled=False), _switched():
        yield


@contextlib.contextmanager
def _switched() -> Iterator[None]:
    if torch.compiler.is_compiling():  # a compiler cannot follow switches
        yield
        return
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in _switches()]
    try:
        for owner, name, exact in _switches():
            setattr(owner, name, exact)
        yield
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)


def _switches() -> list[tuple[Any, str, Any]]:
    """Where torch is told how to compute float32: owner, attribute, the exact setting."""
    if not hasattr(_BACKENDS, "fp32_precision"):  # torch < 2.9
        return [
            (_BACKENDS.cuda.matmul, "allow_tf32", False),
            (_BACKENDS.cudnn, "allow_tf32", False),
        ]
    owners = [_BACKENDS.cuda.matmul, _BACKENDS.cudnn.conv, _BACKENDS.mkldnn.matmul]
    return [(owner, "fp32_precision", "ieee") for owner in [*owners, _BACKENDS.mkldnn.conv]]
