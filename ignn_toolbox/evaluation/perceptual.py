"""Learned metrics of other packages (LPIPS, DISTS), used where they are installed."""

import importlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

PERCEPTUAL = ("lpips", "dists")
Metric = Callable[[np.ndarray, np.ndarray], dict[str, float]]


def perceptual_metric(name: str) -> Metric:
    """Build a metric that takes a result and its ground truth (H, W, 3), uint8, RGB.

    Lower is better for both. LPIPS is that of AlexNet, version 0.1; the packages fetch or carry
    their networks' weights themselves.

    Args:
        name: ``'lpips'`` or ``'dists'``.

    Returns:
        A function that returns ``{name: value}``.

    Raises:
        ValueError: The name is unknown, or the package is not installed.
    """
    if name not in PERCEPTUAL:
        raise ValueError(f"a perceptual metric is one of {', '.join(PERCEPTUAL)}, got {name!r}")
    network = _network(name).eval()
    # LPIPS takes [-1, 1], DISTS [0, 1].
    gain, offset = (2 / 255, -1.0) if name == "lpips" else (1 / 255, 0.0)

    def tensor(image: np.ndarray) -> Tensor:
        return torch.from_numpy(image).permute(2, 0, 1)[None].float() * gain + offset

    @torch.no_grad()
    def metric(sr: np.ndarray, gt: np.ndarray) -> dict[str, float]:
        return {name: float(network(tensor(sr), tensor(gt)))}

    return metric


def _network(name: str) -> nn.Module:
    module = {"lpips": "lpips", "dists": "DISTS_pytorch"}[name]
    try:
        package = importlib.import_module(module)
    except (ImportError, RuntimeError) as error:  # a torchvision of another torch: RuntimeError
        raise ValueError(
            f"{name} needs the package {module}, which cannot be imported ({error}); install it: "
            "pip install 'ignn_toolbox[perceptual]'"
        ) from error
    return package.LPIPS(net="alex", verbose=False) if name == "lpips" else package.DISTS()
