"""What `ignn demo` shows: pictures shrunk, restored and scored, drawn side by side."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib import cbook
from torch import Tensor

from ..datasets.degradations import bicubic_lr
from ..evaluation import score
from ..images import as_rgb, read_picture, upright
from ..images.convert import to_array, to_tensor
from ..models.restorers import Restorer
from ..ops import imresize
from ..text import shown
from ..visualization.comparison import Panel, comparison_row, hardest_box

PHOTOGRAPH = "grace_hopper.jpg"
CROP = 48


@dataclass(frozen=True)
class Result:
    """One method on one picture: RGB uint8 ``image``, scores, and the time it took."""

    method: str
    image: np.ndarray
    psnr: float
    ssim: float
    seconds: float


def pictures(names: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each picture's name, as shown, and RGB ``(H, W, 3)`` uint8; by default the demo's."""
    if not names:
        photograph = cbook.get_sample_data(PHOTOGRAPH, asfileobj=False)
        yield "photograph", read_picture(photograph).pixels
        yield "pattern", pattern()
    for name in names:
        picture = read_picture(name)
        pixels = upright(picture.pixels, picture.orientation)
        yield shown(Path(name).name), as_rgb(pixels)


def pattern(size: int = 192) -> np.ndarray:
    """A self-similar drawing: rings and bars that recur at ever finer scales.

    Every detail of the shrunk picture has a larger counterpart elsewhere in it, which is what a
    network with cross-scale patches can use.

    Returns:
        RGB ``(size, size, 3)`` uint8, antialiased.
    """
    fine = 4  # drawn larger and averaged
    axis = (np.arange(size * fine) + 0.5) / (size * fine) * 2 - 1
    x, y = np.meshgrid(axis, axis)
    octave = np.log2(np.maximum(np.hypot(x, y), 2**-6)) * 2
    spoke = np.arctan2(y, x) / np.pi * 8
    ink = (np.floor(octave) + np.floor(spoke)) % 2
    colour = np.stack([0.15 + 0.75 * ink, 0.2 + 0.55 * ink, 0.45 + 0.3 * ink], axis=2)
    averaged = colour.reshape(size, fine, size, fine, 3).mean(axis=(1, 3))
    return np.round(averaged * 255).astype(np.uint8)


def compare(
    original: np.ndarray,
    restorers: dict[str, Restorer],
    scale: int,
    device: str | torch.device = "cpu",
) -> list[Result]:
    """Shrink a picture, restore it with bicubic and every model, and score the results.

    Args:
        original: RGB ``(H, W, 3)`` uint8, sides multiples of ``scale``.
        restorers: Restorers by name.
        scale: Factor of shrinking and of the models.
        device: Where the restorers are.
    """
    lq = to_tensor(bicubic_lr(original, scale)).to(device)
    methods: dict[str, Callable[[Tensor], Tensor]] = {"bicubic": lambda lq: imresize(lq, scale)}
    methods |= {name: restorer.network for name, restorer in restorers.items()}
    results = []
    for name, method in methods.items():
        started = time.perf_counter()
        with torch.inference_mode():
            image = to_array(method(lq).cpu(), original.dtype)
        seconds = time.perf_counter() - started
        results.append(Result(name, image, *score(image, original, scale), seconds))
    return results


def draw(name: str, original: np.ndarray, results: list[Result]) -> np.ndarray:
    """The results' crops where bicubic is furthest from the original."""
    box = hardest_box(original, results[0].image, CROP)
    panels = [Panel(r.method, f"{r.psnr:.2f} dB / {r.ssim:.4f}", r.image) for r in results]
    panels.append(Panel("original", f"{original.shape[1]}x{original.shape[0]}", original))
    return comparison_row(name, panels, box, columns=2)
