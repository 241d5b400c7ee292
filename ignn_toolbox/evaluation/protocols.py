"""PSNR and SSIM under named protocols.

The same prediction scores up to 0.1 dB (luma) or 2 dB (RGB) apart under conventions that papers
seldom name, so every figure of this toolbox carries the name of its protocol:

=============  ==================================================================================
``y-float``    Luma in float64, not rounded. MATLAB's ``rgb2ycbcr`` on doubles, the convention of
               the literature since EDSR (RCAN, SAN, IGNN, ...). The default.
``y-uint8``    Luma rounded to 8 bits before it is compared, as ``rgb2ycbcr`` does with uint8.
``rgb``        All three channels; SSIM is the mean over the channels.
``rgb-full``   As ``rgb``, of the whole picture: noise and mosaics in colour (RNAN, PANet).
``plane``      One plane as it is, the whole picture: grey noise, and JPEG artefacts of luma.
``plane-8x8``  As ``plane``, with another SSIM: windows of 8x8 equal weights. The columns JPEG,
               SA-DCT and ARCNN of the tables of JPEG artefacts have it; compare no others by it.
=============  ==================================================================================

All of them take 8-bit images. Those for super-resolution cut ``crop_border`` (the scale) pixels off
each side first, the last three cut nothing. SSIM is that of Wang et al. (2004): 11x11 Gaussian
window of sigma 1.5, only where it fits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import cv2
import numpy as np

from ..images.planes import luma

DEFAULT_PROTOCOL = "y-float"
PEAK = 255.0
WINDOW = 11


@dataclass(frozen=True)
class Protocol:
    """How two pictures are compared.

    Attributes:
        name: What figures are labelled with.
        colour: What is compared: luma, luma rounded to 8 bits, all channels, or the one plane.
        has_border: Whether pixels are cut off each side, by convention the scale.
        window: Of SSIM: 11x11 Gaussian, or 8x8 of equal weights.
    """

    name: str
    colour: Literal["luma", "luma-8-bits", "rgb", "plane"]
    has_border: bool = True
    window: Literal["gaussian", "equal"] = "gaussian"

    def border(self, crop_border: int) -> int:
        """Pixels that are cut off each side where a border is to be cut."""
        return crop_border if self.has_border else 0


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol("y-float", "luma"),
            Protocol("y-uint8", "luma-8-bits"),
            Protocol("rgb", "rgb"),
            Protocol("rgb-full", "rgb", has_border=False),
            Protocol("plane", "plane", has_border=False),
            Protocol("plane-8x8", "plane", has_border=False, window="equal"),
        )
    }
)


def psnr(sr: np.ndarray, gt: np.ndarray, crop_border: int, protocol: str = "y-float") -> float:
    """Peak signal-to-noise ratio in dB, peak 255.

    Args:
        sr: Prediction (H, W, 3), uint8 RGB; (H, W, 1) for protocols of one plane.
        gt: Ground truth of the same size, uint8 RGB.
        crop_border: Pixels to cut off each side, by convention the scale; protocols without a
            border cut none.
        protocol: One of `PROTOCOLS`.

    Returns:
        The ratio; infinite for equal images.

    Raises:
        TypeError: An image is not uint8.
        ValueError: The sizes differ, nothing is left within the border, or the protocol is unknown.
    """
    return score(sr, gt, crop_border, protocol)[0]


def ssim(sr: np.ndarray, gt: np.ndarray, crop_border: int, protocol: str = "y-float") -> float:
    """Structural similarity, at most 1.

    Args:
        sr: Prediction (H, W, 3), uint8 RGB; (H, W, 1) for protocols of one plane.
        gt: Ground truth of the same size, uint8 RGB.
        crop_border: Pixels to cut off each side, by convention the scale; protocols without a
            border cut none.
        protocol: One of `PROTOCOLS`.

    Raises:
        TypeError: An image is not uint8.
        ValueError: The sizes differ, less than 11x11 pixels are left within the border, or the
            protocol is unknown.
    """
    return score(sr, gt, crop_border, protocol)[1]


def score(
    sr: np.ndarray, gt: np.ndarray, crop_border: int, protocol: str = "y-float"
) -> tuple[float, float]:
    """PSNR and SSIM at once; arguments and errors as in `psnr` and `ssim`."""
    sr, gt = compared_planes(sr, gt, crop_border, protocol)
    if min(sr.shape[:2]) < WINDOW:
        raise ValueError(
            f"{sr.shape[1]}x{sr.shape[0]} pixels are left within a border of "
            f"{PROTOCOLS[protocol].border(crop_border)}; SSIM's window needs {WINDOW}x{WINDOW}"
        )
    error = float(np.mean((sr - gt) ** 2))
    ratio = 10 * np.log10(PEAK**2 / error) if error else np.inf
    blur = _gaussian if PROTOCOLS[protocol].window == "gaussian" else _equal
    similarity = [
        _ssim_plane(np.ascontiguousarray(sr[..., c]), np.ascontiguousarray(gt[..., c]), blur)
        for c in range(sr.shape[2])
    ]
    return float(ratio), float(np.mean(similarity))


def compared_planes(
    sr: np.ndarray, gt: np.ndarray, crop_border: int, protocol: str
) -> tuple[np.ndarray, np.ndarray]:
    """What a protocol compares: (h, w, 1 or 3), float64, border cut.

    Of three planes of a prediction for a grey picture the first one counts.

    Args:
        sr: As in `psnr`.
        gt: As in `psnr`.
        crop_border: As in `psnr`.
        protocol: As in `psnr`.

    Raises:
        TypeError: As in `psnr`.
        ValueError: As in `psnr`; or a protocol of one plane is to compare colours.
    """
    check_protocol(protocol)
    how = PROTOCOLS[protocol]
    channels = (1, 3) if how.colour == "plane" else (3,)
    for image in (sr, gt):
        if image.dtype != np.uint8:
            raise TypeError(f"images must be uint8 (see to_uint8), got {image.dtype}")
        if image.ndim != 3 or image.shape[2] not in channels:
            raise ValueError(
                f"images must be (H, W, {' or '.join(map(str, channels))}) for the protocol "
                f"{protocol}, got {image.shape}"
            )
    if sr.shape[:2] != gt.shape[:2]:
        raise ValueError(
            f"the prediction is {sr.shape[1]}x{sr.shape[0]}, "
            f"the ground truth {gt.shape[1]}x{gt.shape[0]}"
        )
    border = how.border(crop_border)
    if border < 0 or min(sr.shape[:2]) <= 2 * border:
        raise ValueError(f"crop_border={border} leaves nothing of {sr.shape[1]}x{sr.shape[0]}")
    inner = slice(border, -border or None)
    sr, gt = sr[inner, inner], gt[inner, inner]
    if how.colour == "plane":
        if (gt != gt[..., :1]).any():
            raise ValueError(f"{protocol} compares grey pictures, and the ground truth is coloured")
        sr, gt = sr[..., :1], gt[..., :1]
    if how.colour in ("plane", "rgb"):
        return sr.astype(np.float64), gt.astype(np.float64)
    planes = luma(sr), luma(gt)
    if how.colour == "luma-8-bits":
        return np.floor(planes[0] + 0.5), np.floor(planes[1] + 0.5)
    return planes


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Clamp a float image in [0, 1] and round it to 8 bits: what is scored and what is saved.

    Raises:
        ValueError: A value is not finite; a cast would make a number of it.
    """
    if not np.isfinite(image).all():
        bad = np.count_nonzero(~np.isfinite(image))
        raise ValueError(f"the picture holds values that are not finite ({bad} of {image.size})")
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def check_protocol(protocol: str) -> None:
    """Raise ValueError for a name that is not a protocol's."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be one of {', '.join(PROTOCOLS)}, got {protocol!r}")


def _ssim_plane(x: np.ndarray, y: np.ndarray, blur: Callable[[np.ndarray], np.ndarray]) -> float:
    """Mean SSIM of two planes (h, w), float64, 0..255, over the window's valid places."""
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    mean_x, mean_y = blur(x), blur(y)
    var_x = blur(x * x) - mean_x**2
    var_y = blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float(np.mean(numerator / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))))


def _gaussian(x: np.ndarray) -> np.ndarray:
    window = cv2.getGaussianKernel(WINDOW, 1.5, cv2.CV_64F)
    margin = WINDOW // 2
    return cv2.sepFilter2D(x, cv2.CV_64F, window, window)[margin:-margin, margin:-margin]


def _equal(x: np.ndarray, side: int = 8) -> np.ndarray:
    """Means of all windows of 8x8 that lie inside."""
    return cv2.blur(x, (side, side), anchor=(0, 0))[: 1 - side, : 1 - side]
