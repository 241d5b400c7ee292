"""JPEG compression."""

import io
from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import Image

from ...registry import DEGRADATIONS
from .base import Degradation, bounds


@DEGRADATIONS.register_module()
class JPEGCompression(Degradation):
    """Writes a picture as baseline JPEG and reads it again.

    A single plane is encoded as grey, as tests on luma do; three channels as YCbCr. Blocks of 8x8
    pixels begin at the picture's corner: a crop that is compressed has its grid aligned.

    Args:
        quality: 1 to 100 of libjpeg's tables, or a range ``[from, to]`` of which each picture gets
            one, evenly drawn.
        subsampling: Of the chroma planes: ``'4:2:0'``, as most cameras and programs write, or
            ``'4:4:4'``.

    Raises:
        ValueError: A quality is no whole number in its range, or the subsampling is unknown; when
            called, the picture is not of 8 bits.
    """

    def __init__(
        self,
        quality: int | Sequence[int],
        subsampling: Literal["4:2:0", "4:4:4"] = "4:2:0",
    ) -> None:
        self.quality = bounds(quality, "quality", 1, 100)
        if any(end != int(end) for end in self.quality):
            raise ValueError(f"quality must be a whole number, got {quality!r}")
        if subsampling not in ("4:2:0", "4:4:4"):
            raise ValueError(f"subsampling must be '4:2:0' or '4:4:4', got {subsampling!r}")
        self.subsampling = subsampling

    def entropy(self) -> tuple[int, ...]:
        """Return the quality or its range."""
        low, high = self.quality
        return (low,) if low == high else (low, high)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if image.dtype != np.uint8:
            raise ValueError("a JPEG holds 8 bits: noise before it needs noise_model='uint8'")
        low, high = self.quality
        quality = low if low == high else int(rng.integers(low, high + 1))
        is_grey = image.shape[2] == 1
        file = io.BytesIO()
        picture = Image.fromarray(np.ascontiguousarray(image[..., 0] if is_grey else image))
        options = {} if is_grey else {"subsampling": self.subsampling}
        picture.save(file, "JPEG", quality=quality, **options)
        decoded = np.asarray(Image.open(file))
        return decoded[..., None] if is_grey else decoded
