"""A pretend accelerator: runs whole networks on tensors without values, and counts its work.

torch lets a back end be written in Python. On its tensors, made fake, a network needs no hardware
and no memory; mixing devices raises, and so does reading a value on the host. A dispatch mode
counts what would be launched on the device, also inside the toolbox's own operators, whose kernels
for any device it runs, and copies to and from the host.

torch's gradients know the devices that there were when the first one was computed, and a device
cannot be taken back: use it in a process of its own, before anything else.

What torch's fake tensors cannot do is done for them here: tables that the operators keep on a
device are made on the CPU, outside of all this, and counted as a copy when they are new.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

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


@dataclass
class Counts:
    """What was launched and copied since counting began.

    Attributes:
        kernels: Launches on the device, by operator; views and allocations are none.
        to_device: Copies from the host, which wait for the device.
        to_host: Copies to the host, likewise.
    """

    kernels: collections.Counter[str] = field(default_factory=collections.Counter)
    to_device: int = 0
    to_host: int = 0

    @property
    def launches(self) -> int:
        return self.kernels.total()


class PretendDevice:
    """The device, inside `pretend_device`."""

    def __init__(self) -> None:
        self.device = _register()
        self._counts = Counts()
        self._tables: dict[tuple, tuple[Tensor, ...]] = {}

    def empty(self, *shape: int, requires_grad: bool = False) -> Tensor:
        """A tensor on the device."""
        return torch.empty(shape, device=self.device, requires_grad=requires_grad)

    def place(self, network: nn.Module) -> nn.Module:
        """Put a network's parameters and buffers on the device."""
        for module in network.modules():
            for name, parameter in module._parameters.items():
                if parameter is not None:
                    moved = torch.empty_like(parameter, device=self.device)
                    module._parameters[name] = nn.Parameter(moved, parameter.requires_grad)
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = torch.empty_like(buffer, device=self.device)
        return network

    @contextlib.contextmanager
    def count(self) -> Iterator[Counts]:
        """Count what runs inside."""
        self._counts = Counts()
        with _Count(self._counts):
            yield self._counts

    def constants(
        self, make: Callable[..., tuple[Tensor, ...]], device: torch.device, *arguments: Any
    ) -> tuple[Tensor, ...]:
        """`ops.geometry.constants`, made of real numbers and copied in name only."""
        key = (make, device, *arguments)
        if key not in self._tables:
            with unset_fake_temporarily():
                tables = make(*arguments)
            self._counts.to_device += len(tables)
            self._tables[key] = tuple(
                torch.empty(table.shape, dtype=table.dtype, device=device) for table in tables
            )
        return self._tables[key]


@contextlib.contextmanager
def pretend_device() -> Iterator[PretendDevice]:
    """A fresh pretend device; inside, tensors have no values, wherever they are."""
    found = PretendDevice()
    with contextlib.ExitStack() as stack:
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        original = geometry.constants
        for module in list(sys.modules.values()):  # wherever it was imported to
            if getattr(module, "constants", None) is original:
                stack.enter_context(mock.patch.object(module, "constants", found.constants))
        yield found


class _Count(TorchDispatchMode):
    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self.counts = counts

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        kwargs = kwargs or {}
        if func.namespace == "prim":  # a tensor is asked for its device
            return func(*args, **kwargs)
        if func.namespace == "ignn_toolbox":
            with self:
                return func.redispatch(DispatchKeySet(DispatchKey.PrivateUse1), *args, **kwargs)
        with self:
            parts = func.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
        given = _devices((args, kwargs))
        name = func._schema.name.partition("::")[2]
        if name == "_to_copy" and "cpu" in given and _is_pretend(kwargs.get("device")):
            self.counts.to_device += 1  # what torch cannot do with tensors that have values
            dtype = kwargs.get("dtype") or args[0].dtype
            return torch.empty(args[0].shape, dtype=dtype, device=kwargs["device"])
        out = func(*args, **kwargs)
        made = _devices(out)
        if name in ("_to_copy", "copy_"):
            self.counts.to_device += NAME in made and "cpu" in given
            self.counts.to_host += "cpu" in made and NAME in given
        if NAME in made and not func.is_view and name not in _FREE:
            self.counts.kernels[name] += 1
        return out


_FREE = {"empty", "empty_strided", "empty_like", "new_empty", "new_empty_strided", "detach"}


def _devices(values: Any) -> set[str]:
    return {t.device.type for t in tree_leaves(values) if isinstance(t, Tensor)}


def _is_pretend(device: Any) -> bool:
    return device is not None and torch.device(device).type == NAME
