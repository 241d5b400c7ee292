"""Running a network without numbers: what it would allocate and which convolutions it would do.

Fake tensors have shapes and no memory, so a dry run of any network at any size takes seconds and
needs nothing. What operators allocate inside themselves is not seen by it and is added by rules;
what the allocator keeps of freed memory is told by `heap.Heap`.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..ops.workspace import workspace
from .heap import Heap


@dataclass(frozen=True)
class Convolution:
    """One call of ``aten::convolution`` or its backward pass.

    Attributes:
        stage: Where in the network, see `stages`.
        backward: Whether it is the backward pass.
        input: Shape ``(N, C, H, W)``.
        weight: Shape ``(C', C / groups, h, w)``.
        output: Shape.
        options: The remaining arguments: bias sizes, stride, padding and so on.
    """

    stage: str
    backward: bool
    input: tuple[int, ...]
    weight: tuple[int, ...]
    output: tuple[int, ...]
    options: tuple[Any, ...]

    @property
    def multiplications(self) -> int:
        """Multiplications; the backward pass counts those wanted of its two products."""
        once = torch.Size(self.output).numel() * torch.Size(self.weight[1:]).numel()
        return once * sum(self.options[-1][:2]) if self.backward else once


class DryRun(TorchDispatchMode):
    """Follows resident bytes and convolutions of what runs inside, under `fake_tensors`.

    Attributes:
        peaks: Most bytes resident during each stage, in the order in which stages were entered.
        convolutions: In the order of their calls.
        heap: The process's memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peaks: dict[str, int] = {}
        self.convolutions: list[Convolution] = []
        self.heap = Heap()
        self.stage = "network"
        self._known: dict[int, weakref.finalize] = {}
        self._counts = True

    @contextlib.contextmanager
    def uncounted(self) -> Iterator[None]:
        """What is made inside takes no memory: it exists already, or lies in a file."""
        self._counts = False
        try:
            yield
        finally:
            self._counts = True

    def note(self, scratch: Iterable[int] = ()) -> None:
        """Enter what is resident into the stage's peak, while blocks of ``scratch`` bytes exist."""
        blocks = [self.heap.allocate(size) for size in scratch]
        self.peaks[self.stage] = max(self.peaks.get(self.stage, 0), self.heap.resident)
        for block in reversed(blocks):
            self.heap.free(block)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        if func is torch.ops.prim.device.default:  # asked for half of the time
            return out
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._enter(tensor)
        name = func._schema.name
        if name in ("aten::convolution", "aten::convolution_backward"):
            self._record(name, args, out)
        self.note(_scratch(func, args, out))
        return out

    def _enter(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self._known:
            block = self.heap.allocate(storage.nbytes()) if self._counts else None
            self._known[key] = weakref.finalize(storage, self._free, key, block)

    def _free(self, key: int, block: int | None) -> None:
        del self._known[key]
        if block is not None:
            self.heap.free(block)

    def _record(self, name: str, args: tuple, out: Any) -> None:
        backward = name == "aten::convolution_backward"
        if backward:
            grad, image, weight, *rest = args
        else:
            image, weight, bias, *rest = args
            grad, rest = out, [None if bias is None else bias.shape, *rest]
        options = tuple(tuple(o) if isinstance(o, list | torch.Size) else o for o in rest)
        image, weight, grad = (tuple(t.shape) for t in (image, weight, grad))
        found = Convolution(self.stage, backward, image, weight, grad, options)
        self.convolutions.append(found)


def fake_tensors() -> contextlib.AbstractContextManager:
    """Inside, new tensors are fake; a network's own parameters are taken as they are."""
    return FakeTensorMode(allow_non_fake_inputs=True)


@contextlib.contextmanager
def stages(network: nn.Module, run: DryRun) -> Iterator[None]:
    """Name the stages of a run after the network's parts.

    A part is a child of the network; the items of a list are one part (``blocks``); the children of
    the aggregator are parts of their own (``aggregator.embedder``).
    """
    parts: list[tuple[str, nn.Module]] = []
    for name, child in network.named_children():
        items = list(child) if isinstance(child, nn.ModuleList) else [child]
        parts += [(name, item) for item in items]
        if name == "aggregator":
            parts += [(f"{name}.{inner}", part) for inner, part in child.named_children()]
    outer: list[str] = []

    def enter(name: str) -> Callable:
        def hook(module: nn.Module, args: Any) -> None:
            outer.append(run.stage)
            run.stage = name

        return hook

    def leave(module: nn.Module, args: Any, out: Any) -> None:
        run.stage = outer.pop()

    handles = [part.register_forward_pre_hook(enter(name)) for name, part in parts]
    handles += [part.register_forward_hook(leave) for _, part in parts]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _scratch(func: Any, args: tuple, out: Any) -> list[int]:
    """Blocks that an operator allocates and frees inside itself, as measured on the CPU."""
    name = func._schema.name
    if name == "aten::convolution":
        image, weight = args[:2]
        if image.is_contiguous(memory_format=torch.channels_last):
            return [_bytes(weight)]  # reordered
        if weight.shape[-1] == 1:
            return []
        is_transposed = args[6]
        # reordered, all three; the result of a transposed one once more
        return [_bytes(image), _bytes(weight), *[_bytes(out)] * (2 if is_transposed else 1)]
    if name == "aten::convolution_backward":
        grad, image, weight = args[:3]
        if image.is_contiguous(memory_format=torch.channels_last):
            return [_bytes(weight), _bytes(weight)]
        return [_bytes(grad), _bytes(image), _bytes(weight), _bytes(weight)]
    return workspace(func, args, out)
