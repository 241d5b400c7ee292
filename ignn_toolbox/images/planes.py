"""One plane of a picture of three: luma and grey with MATLAB's numbers."""

import numpy as np

_LUMA = np.array([65.481, 128.553, 24.966]) / 255
_GREY = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])


def luma(image: np.ndarray) -> np.ndarray:
    """BT.601 luma of studio range, 16..235, as MATLAB's ``rgb2ycbcr`` computes it from doubles.

    Args:
        image: (H, W, 3), RGB, 0..255.

    Returns:
        (H, W, 1), float64, not rounded.
    """
    return (image.astype(np.float64) @ _LUMA + 16)[..., None]


def luma_plane(image: np.ndarray) -> np.ndarray:
    """Return the luma of an 8-bit picture (H, W, 3), rounded to 8 bits; of a grey one its grey."""
    if (image == image[..., :1]).all():
        return np.ascontiguousarray(image[..., :1])
    return np.floor(luma(image) + 0.5).astype(np.uint8)


def grey_plane(image: np.ndarray) -> np.ndarray:
    """Return an 8-bit picture (H, W, 3) as MATLAB's ``rgb2gray`` makes it grey, (H, W, 1)."""
    return np.floor(image.astype(np.float64) @ _GREY + 0.5).astype(np.uint8)[..., None]
