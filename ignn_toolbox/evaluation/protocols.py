"""PSNR and SSIM under named protocols.

The same prediction scores up to 0.1 dB (luma) or 2 dB (RGB) apart under conventions that papers
seldom name, so every figure of this toolbox carries the name of its protocol:

==========  =====================================================================================
``y-float``  Luma in float64, not rounded. MATLAB's ``rgb2ycbcr`` on doubles, the convention of
             the literature since EDSR (RCAN, SAN, IGNN, ...). The default.
``y-uint8``  Luma rounded to 8 bits before it is compared, as ``rgb2ycbcr`` does with uint8.
``rgb``      All three channels; SSIM is the mean over the channels.
==========  =====================================================================================

All of them take 8-bit images and cut ``crop_border`` (the scale) pixels off each side first.
SSIM is that of Wang et al. (2004): 11x11 Gaussian window of sigma 1.5, only where it fits.
"""

import cv2
import numpy as np

PROTOCOLS = ("y-float", "y-uint8", "rgb")
DEFAULT_PROTOCOL = "y-float"
PEAK = 255.0
WINDOW = 11


def psnr(sr: np.ndarray, gt: np.ndarray, crop_border: int, protocol: str = "y-float") -> float:
    """Peak signal-to-noise ratio in dB, peak 255.

    Args:
        sr: Prediction (H, W, 3), uint8 RGB.
        gt: Ground truth of the same size, uint8 RGB.
        crop_border: Pixels to cut off each side, by convention the scale.
        protocol: One of :data:`PROTOCOLS`.

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
        sr: Prediction (H, W, 3), uint8 RGB.
        gt: Ground truth of the same size, uint8 RGB.
        crop_border: Pixels to cut off each side, by convention the scale.
        protocol: One of :data:`PROTOCOLS`.

    Raises:
        TypeError: An image is not uint8.
        ValueError: The sizes differ, less than 11x11 pixels are left within the border, or the
            protocol is unknown.
    """
    return score(sr, gt, crop_border, protocol)[1]


def score(
    sr: np.ndarray, gt: np.ndarray, crop_border: int, protocol: str = "y-float"
) -> tuple[float, float]:
    """PSNR and SSIM at once; arguments and errors as in :func:`psnr` and :func:`ssim`."""
    sr, gt = compared_planes(sr, gt, crop_border, protocol)
    if min(sr.shape[:2]) < WINDOW:
        raise ValueError(
            f"{sr.shape[1]}x{sr.shape[0]} pixels are left within a border of {crop_border}; SSIM's "
            f"window needs {WINDOW}x{WINDOW}"
        )
    error = float(np.mean((sr - gt) ** 2))
    ratio = 10 * np.log10(PEAK**2 / error) if error else np.inf
    similarity = [
        _ssim_plane(np.ascontiguousarray(sr[..., c]), np.ascontiguousarray(gt[..., c]))
        for c in range(sr.shape[2])
    ]
    return float(ratio), float(np.mean(similarity))


def compared_planes(
    sr: np.ndarray, gt: np.ndarray, crop_border: int, protocol: str
) -> tuple[np.ndarray, np.ndarray]:
    """What a protocol compares: (h, w, 1 or 3), float64, border cut.

    Args:
        sr: As in :func:`psnr`.
        gt: As in :func:`psnr`.
        crop_border: As in :func:`psnr`.
        protocol: As in :func:`psnr`.

    Raises:
        TypeError: As in :func:`psnr`.
        ValueError: As in :func:`psnr`.
    """
    check_protocol(protocol)
    for image in (sr, gt):
        if image.dtype != np.uint8:
            raise TypeError(f"images must be uint8 (see to_uint8), got {image.dtype}")
        if image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"images must be (H, W, 3), got {image.shape}")
    if sr.shape != gt.shape:
        raise ValueError(
            f"the prediction is {sr.shape[1]}x{sr.shape[0]}, "
            f"the ground truth {gt.shape[1]}x{gt.shape[0]}"
        )
    if crop_border < 0 or min(sr.shape[:2]) <= 2 * crop_border:
        raise ValueError(f"crop_border={crop_border} leaves nothing of {sr.shape[1]}x{sr.shape[0]}")
    inner = slice(crop_border, -crop_border or None)
    sr, gt = sr[inner, inner], gt[inner, inner]
    if protocol == "rgb":
        return sr.astype(np.float64), gt.astype(np.float64)
    planes = luma(sr), luma(gt)
    if protocol == "y-uint8":
        return np.floor(planes[0] + 0.5), np.floor(planes[1] + 0.5)
    return planes


def luma(image: np.ndarray) -> np.ndarray:
    """BT.601 luma of studio range, 16..235, as MATLAB's ``rgb2ycbcr`` computes it from doubles.

    Args:
        image: (H, W, 3), RGB, 0..255.

    Returns:
        (H, W, 1), float64, not rounded.
    """
    weights = np.array([65.481, 128.553, 24.966]) / 255
    return (image.astype(np.float64) @ weights + 16)[..., None]


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
    """Raises ValueError for a name that is not a protocol's."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be one of {', '.join(PROTOCOLS)}, got {protocol!r}")


def _ssim_plane(x: np.ndarray, y: np.ndarray) -> float:
    """Mean SSIM of two planes (h, w), float64, 0..255, over the window's valid places."""
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x**2
    var_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float(np.mean(numerator / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))))


def _blur(x: np.ndarray) -> np.ndarray:
    window = cv2.getGaussianKernel(WINDOW, 1.5, cv2.CV_64F)
    margin = WINDOW // 2
    return cv2.sepFilter2D(x, cv2.CV_64F, window, window)[margin:-margin, margin:-margin]
