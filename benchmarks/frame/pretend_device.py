"""A pretend accelerator: runs whole networks on tensors without values, and counts what a card would.

torch lets a back end be written in Python. On its tensors, made fake, a network needs no hardware
and no memory; mixing devices raises, and so does reading a value on the host. A dispatch mode counts
the operators that would be launched on the device, also those inside the toolbox's own operators,
whose kernels for any device it runs, and the copies to and from the host.

What torch's fake tensors cannot do is done for them here: tables that the operators keep on a device
are made on the CPU, outside of all this, and counted as a copy when they are new.
"""

from __future__ import annotations

import collections
import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._C import DispatchKey, DispatchKeySet
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ignn_toolbox.ops import geometry

NAME = "pretend"


class _Module(backend_registration._DummyBackendModule):
    """What torch asks a back end."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1


@functools.cache
def _register() -> torch.device:
    backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
    return torch.device(NAME, 0)


@dataclass(frozen=True)
class Counts:
    """What one call launched and copied.

    Attributes:
        kernels: Launches on the device, by operator; views and allocations are none.
        to_device: Copies from the host, for which it would wait.
        to_host: Copies to the host, likewise.
    """

    kernels: collections.Counter[str]
    to_device: int
    to_host: int

    @property
    def launches(self) -> int:
        return sum(self.kernels.values())


class _Count(TorchDispatchMode):
    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device
        self.kernels: collections.Counter[str] = collections.Counter()
        self.to_device = self.to_host = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        kwargs = kwargs or {}
        if func.namespace == "ignn_toolbox":
            with self:
                return func.redispatch(DispatchKeySet(DispatchKey.PrivateUse1), *args, **kwargs)
        with self:
            parts = func.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
        out = func(*args, **kwargs)
        given, made = (
            {t.device.type for t in tree_leaves(values) if isinstance(t, Tensor)}
            for values in ((args, kwargs), out)
        )
        name = func._schema.name.partition("::")[2]
        if name in ("_to_copy", "copy_"):
            self.to_device += NAME in made and "cpu" in given
            self.to_host += "cpu" in made and NAME in given
        if NAME in made and not func.is_view and not name.startswith(("empty", "new_empty", "detach")):
            self.kernels[name] += 1
        return out
