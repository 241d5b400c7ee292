"""What an LR image was made by: is it MATLAB's bicubic of its HR image, and if not, what else?"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from PIL import Image

from ...ops.resize import BORDERS, imresize
from ..degradations import bicubic_lr
from ..transforms import modcrop

NEAR = 1  # largest difference by which another program's resize is recognised
SHIFT_SHARE = 0.25  # a shift must leave less than this share of the unshifted error
CENTRE, MARGIN = 96, 4  # a shift is looked for in the centre of the LR image, within a margin


@dataclass(frozen=True)
class Origin:
    """How an LR image relates to its HR image.

    Attributes:
        border: The border rule under which it is MATLAB's bicubic to the last bit, else ``None``.
        difference: Largest difference from MATLAB's bicubic under the better border.
        explanation: What else it seems to be; empty when nothing known fits.
    """

    border: str | None
    difference: int
    explanation: str = ""


def lr_origin(lq: np.ndarray, gt: np.ndarray, scale: int) -> Origin:
    """Compare an LR image with what MATLAB and other programs make of its HR image.

    Args:
        lq: (h, w, 3), uint8.
        gt: (H, W, 3), uint8, with ``H // scale == h`` and ``W // scale == w``.
        scale: Downscaling factor.
    """
    gt = modcrop(gt, scale)
    expected = {border: bicubic_lr(gt, scale, border) for border in BORDERS}
    differences = {border: _difference(lq, image) for border, image in expected.items()}
    border = min(differences, key=lambda name: differences[name])
    if differences[border] == 0:
        return Origin(border, 0)
    for name, resize in _OTHER_PROGRAMS.items():
        if _difference(lq, resize(gt, scale)) <= NEAR:
            return Origin(None, differences[border], f"made by {name}")
    return Origin(None, differences[border], _shift(lq, gt, scale))


def _difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(cv2.absdiff(a, b).max())


def _shift(lq: np.ndarray, gt: np.ndarray, scale: int) -> str:
    """Names the shift of the HR image that explains the centre of the LR image, if one does."""
    top, left = (max(0, (length - CENTRE) // 2) for length in lq.shape[:2])
    lq = lq[top : top + CENTRE, left : left + CENTRE]
    if min(lq.shape[:2]) <= 2 * MARGIN + 1:
        return ""
    top, left, side = top * scale, left * scale, CENTRE * scale
    gt = gt[top : top + side, left : left + side]
    inner = slice(MARGIN, -MARGIN)  # what is rolled in at the other end stays outside
    errors = {}
    for dy in range(-scale, scale + 1):
        for dx in range(-scale, scale + 1):
            moved = bicubic_lr(np.roll(gt, (-dy, -dx), (0, 1)), scale)
            gap = lq[inner, inner].astype(np.int16) - moved[inner, inner]
            errors[dy, dx] = float(np.abs(gap).mean())
    dy, dx = min(errors, key=lambda move: errors[move])
    if errors[dy, dx] >= errors[0, 0] * SHIFT_SHARE:
        return ""
    return f"it shows the HR image shifted by {dx} (x) and {dy} (y) pixels"


def _opencv(method: int) -> Callable[[np.ndarray, int], np.ndarray]:
    def resize(gt: np.ndarray, scale: int) -> np.ndarray:
        size = gt.shape[1] // scale, gt.shape[0] // scale
        return cv2.resize(gt, size, interpolation=method)

    return resize


def _pillow(method: Image.Resampling) -> Callable[[np.ndarray, int], np.ndarray]:
    def resize(gt: np.ndarray, scale: int) -> np.ndarray:
        size = gt.shape[1] // scale, gt.shape[0] // scale
        return np.asarray(Image.fromarray(gt).resize(size, method))

    return resize


def _rounded_once(gt: np.ndarray, scale: int) -> np.ndarray:
    small = imresize(torch.from_numpy(gt).permute(2, 0, 1).double(), 1 / scale)
    return small.round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()


_OTHER_PROGRAMS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "a bicubic in floating point, rounded once (Python ports of imresize)": _rounded_once,
    "Pillow's BICUBIC": _pillow(Image.Resampling.BICUBIC),
    "Pillow's LANCZOS": _pillow(Image.Resampling.LANCZOS),
    "OpenCV's INTER_CUBIC, which does not antialias": _opencv(cv2.INTER_CUBIC),
    "OpenCV's INTER_AREA (at x2 also INTER_LINEAR)": _opencv(cv2.INTER_AREA),
    "OpenCV's INTER_LINEAR, which does not antialias": _opencv(cv2.INTER_LINEAR),
    "OpenCV's INTER_LANCZOS4, which does not antialias": _opencv(cv2.INTER_LANCZOS4),
    "taking every n-th pixel": _opencv(cv2.INTER_NEAREST),
}
