"""Arrays of pixels ``(H, W, C)``: what is one, their depth, colours and orientation."""

import cv2
import numpy as np

LARGEST = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}

_SLACK = 0.1  # of the range: what interpolation may overshoot


def checked_array(
    pixels: np.ndarray, value_range: tuple[float, float] | None = None, *, bands: bool = False
) -> np.ndarray:
    """Return an array as the picture that it is, its bytes in this machine's order.

    Args:
        pixels: ``(H, W)`` or ``(H, W, C)``, uint8, uint16 or floating point.
        value_range: Which floating-point values are black and white; they become 0 and 1. By
            default they are 0 and 1.
        bands: Whether there may be more than four channels, which are bands then; an array whose
            channels come first would be taken for one.

    Raises:
        TypeError: Another dtype.
        ValueError: Another shape, no pixels, a value that is not finite or lies more than a tenth
            of the range outside it, or a range for integers.
    """
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or (channels > 4 and not bands) or 0 in pixels.shape:
        raise ValueError(
            f"an array of shape {pixels.shape} is no picture; (H, W) or (H, W, C) with 1 (grey), "
            "2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha) channels is needed"
        )
    is_float = np.issubdtype(pixels.dtype, np.floating)
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.dtype not in LARGEST and not is_float:
        raise TypeError(f"pixels of {pixels.dtype} are not known; use uint8, uint16 or float")
    if not is_float:
        if value_range is not None:
            raise ValueError(f"value_range={value_range} is for floats, not for {pixels.dtype}")
        return pixels
    if not np.isfinite(pixels).all():
        raise ValueError("the picture holds values that are not finite")
    low, high = value_range or (0.0, 1.0)
    if not low < high:
        raise ValueError(f"value_range={value_range} must be (low, high) with low below high")
    least, most = float(pixels.min()), float(pixels.max())
    slack = _SLACK * (high - low)
    if least < low - slack or most > high + slack:
        raise ValueError(
            f"the picture's values go from {least:.6g} to {most:.6g}, but {low:g} is black and "
            f"{high:g} is white; say what is (value_range=(low, high), --range LOW HIGH), or pass "
            "uint8 or uint16"
        )
    if value_range is None:
        return pixels
    precise = np.result_type(pixels.dtype, np.float32)
    return ((pixels.astype(precise) - low) / (high - low)).astype(precise)


def in_range(pixels: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Return floating-point pixels of [0, 1] in a range; the way back of `checked_array`."""
    low, high = value_range
    return pixels * (high - low) + low


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn ``(H, W, C)`` pixels as the EXIF ``orientation`` (1..8) asks viewers to."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """Return pixels of any depth as uint8, rounded to the nearest; see `checked_array`."""
    if pixels.dtype not in LARGEST:
        return np.rint(checked_array(pixels).clip(0, 1) * 255).astype(np.uint8)
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return pixels


def as_rgb(pixels: np.ndarray) -> np.ndarray:
    """Return any picture's pixels as 8-bit RGB ``(H, W, 3)``, without transparency."""
    pixels = to_8_bits(pixels)
    colour = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, :1].repeat(3, 2)
    return np.array(colour)


def divided_by_alpha(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Take out alpha that was multiplied into colours, rounded.

    Args:
        colour: ``(H, W, C)``.
        alpha: ``(H, W, 1)`` of the same dtype; where it is 0 the colour is 0.
    """
    if colour.dtype not in LARGEST:
        return np.where(alpha > 0, colour / np.where(alpha > 0, alpha, 1), 0).astype(colour.dtype)
    largest = np.iinfo(colour.dtype).max
    divisor = np.maximum(alpha, 1).astype(np.uint32)
    whole = np.minimum((colour * np.uint32(largest) + divisor // 2) // divisor, largest)
    return np.where(alpha > 0, whole, 0).astype(colour.dtype)


def over_background(pixels: np.ndarray, background: tuple[int, int, int]) -> np.ndarray:
    """Lay a picture with transparency over a colour, rounded.

    Args:
        pixels: ``(H, W, 2)`` or ``(H, W, 4)``, uint8 or uint16.
        background: Red, green, blue, 0 to 255.

    Returns:
        ``(H, W, 1)`` where both are grey, else ``(H, W, 3)``.
    """
    largest = np.iinfo(pixels.dtype).max
    grey = pixels.shape[2] == 2 and len(set(background)) == 1
    behind = np.array(background[: 1 if grey else 3], np.uint32) * (largest // 255)
    colour, alpha = pixels[:, :, :-1].astype(np.uint32), pixels[:, :, -1:].astype(np.uint32)
    mixed = (colour * alpha + behind * (largest - alpha) + largest // 2) // largest
    return mixed.astype(pixels.dtype)


def fill_transparent(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Give fully transparent pixels the colour of the nearest pixel that can be seen.

    Whatever lies under them (often black) would else bleed into visible edges.

    Args:
        colour: ``(H, W, C)``.
        alpha: ``(H, W)``; 0 is fully transparent.
    """
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return colour
    _, label = cv2.distanceTransformWithLabels(
        hidden.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    seen = ~hidden
    source = np.zeros(label.max() + 1, np.int64)
    source[label[seen]] = np.flatnonzero(seen)
    filled = colour.copy()
    filled[hidden] = colour.reshape(-1, colour.shape[2])[source[label[hidden]]]
    return filled
