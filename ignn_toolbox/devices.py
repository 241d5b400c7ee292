"""Where networks compute: finding a device by name, and what it can."""

from __future__ import annotations

import torch

_PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def find_device(device: str | torch.device | None = None) -> torch.device:
    """The device of that name; by default the accelerator that torch finds, else the CPU.

    Args:
        device: Such as ``'cpu'``, ``'cuda'``, ``'cuda:1'``, ``'mps'`` or ``'xpu'``.

    Raises:
        ValueError: There is no such device here; names those that there are.
    """
    accelerator = _accelerator()
    if device is None:
        return torch.device("cpu") if accelerator is None else accelerator
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device={device!r} is unknown; {_here()}") from error
    if found.type == "cpu":
        return torch.device("cpu")
    if accelerator is None or found.type != accelerator.type:
        raise ValueError(f"device={str(device)!r} is not here; {_here()}")
    if (found.index or 0) >= torch.accelerator.device_count():
        raise ValueError(f"device={str(device)!r} is not here; {_here()}")
    return found


def devices() -> list[str]:
    """Names of all devices here, the CPU first."""
    accelerator = _accelerator()
    if accelerator is None:
        return ["cpu"]
    if accelerator.type == "mps":
        return ["cpu", "mps"]
    return ["cpu", *(f"{accelerator.type}:{n}" for n in range(torch.accelerator.device_count()))]


def device_of(module: torch.nn.Module) -> torch.device:
    """Where a module's parameters are; the CPU for one without."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))


def describe_device(device: torch.device) -> str:
    """Its name, with that of the model where torch tells: ``'cuda (NVIDIA H100)'``."""
    if device.type not in ("cuda", "xpu"):
        return str(device)
    return f"{device} ({getattr(torch, device.type).get_device_name(device)})"


def check_precision(precision: str, device: torch.device) -> None:
    """Raise where a device does not compute in ``'bf16'`` or ``'fp16'`` itself.

    Raises:
        ValueError: Names the precisions that it has.
    """
    has = [name for name, dtype in _PRECISIONS.items() if _computes(device, dtype)]
    if precision not in has:
        raise ValueError(f"{device} does not compute in {precision}; it has {', '.join(has)}")


def _computes(device: torch.device, dtype: torch.dtype) -> bool:
    if dtype == torch.float32:
        return True
    if not torch.amp.is_autocast_available(device.type):
        return False
    if device.type == "cuda" and dtype == torch.bfloat16:
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    return True


def _accelerator() -> torch.device | None:
    if not torch.accelerator.is_available():
        return None
    return torch.accelerator.current_accelerator()


def _here() -> str:
    return f"there is {', '.join(devices())}"
