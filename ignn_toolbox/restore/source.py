"""What can be restored, as pictures whose values are in [0, 1] or integers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from ..images import Picture, checked_array, from_pillow, in_range, read_picture
from ..images.convert import tensor_to_arrays

Source = str | Path | np.ndarray | Tensor | Image.Image
Range = tuple[float, float] | None


def next_pictures(
    sources: Iterator[Source], value_range: Range, max_pixels: int
) -> list[Picture] | None:
    """Read the next source's pictures, ``(H, W)`` as given; ``None`` where there is none.

    Args:
        sources: See `SRInferencer.__call__`.
        value_range: See `SRInferencer`.
        max_pixels: Larger files are refused.

    Raises:
        TypeError: It is no kind of picture.
        ValueError: It cannot be decoded, or has values beyond the range.
    """
    try:
        source = next(sources)
    except StopIteration:
        return None
    if isinstance(source, str | Path):
        picture = read_picture(source, max_pixels)
        return [replace(picture, pixels=checked(picture.pixels, value_range, bands=True))]
    if isinstance(source, Image.Image):
        return [from_pillow(source, value_range)]
    if isinstance(source, Tensor):
        given = value_range if source.is_floating_point() else None
        return [Picture(pixels, "png") for pixels in tensor_to_arrays(source, given)]
    if isinstance(source, np.ndarray):
        return [Picture(checked(source, value_range), "png")]
    raise TypeError(
        f"{type(source).__name__} is no kind of picture; a path, an array, a tensor or an image of "
        "Pillow's is needed"
    )


def checked(pixels: np.ndarray, value_range: Range, bands: bool = False) -> np.ndarray:
    """Check pixels, whose floating-point values were in the range, and put these into [0, 1]."""
    given = value_range if _is_floating(pixels) else None
    return checked_array(pixels, given, bands=bands)


def back_in_range(pixels: np.ndarray, value_range: Range) -> np.ndarray:
    """Put floating-point values in [0, 1] back into the range."""
    return in_range(pixels, value_range) if value_range and _is_floating(pixels) else pixels


def _is_floating(pixels: np.ndarray) -> bool:
    return np.issubdtype(pixels.dtype, np.floating)
