"""Pixels of a Pillow image as grey or RGB, CMYK through its profile."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from .picture import PictureError

_MODES = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "YCbCr": "RGB"}


def pixels_of(
    image: Any, profile: bytes | None, notes: list[str]
) -> tuple[np.ndarray, bytes | None]:
    """Decode a Pillow image of 8 bits a channel.

    CMYK is converted to sRGB: by its colour profile, or, where it has none, by the plain rule
    ``R = (255 - C) (255 - K) / 255``.

    Args:
        image: Opened, not yet loaded.
        profile: The file's colour profile.
        notes: Is told what was converted.

    Returns:
        ``(H, W, C)`` uint8, and the profile that belongs to it.

    Raises:
        PictureError: The image is neither grey, RGB, a palette nor CMYK.
    """
    mode = image.mode
    if mode == "CMYK":
        image.load()
        return _from_cmyk(image, profile, notes)
    if mode in ("P", "PA"):
        mode = "RGBA" if image.has_transparency_data else "RGB"
    elif mode in _MODES:
        mode = _MODES[mode]
    else:
        raise PictureError(f"has colour mode {mode}; grey or RGB of 8 or 16 bits is needed")
    pixels = np.array(image if image.mode == mode else image.convert(mode))
    return pixels if pixels.ndim == 3 else pixels[:, :, None], profile


def _from_cmyk(
    image: Image.Image, profile: bytes | None, notes: list[str]
) -> tuple[np.ndarray, bytes | None]:
    if profile is not None:
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image, source, srgb, ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError):  # a profile of other colours, or a damaged one
            pass
        else:
            notes.append("CMYK was converted to sRGB by its colour profile")
            return np.array(converted), srgb.tobytes()
    notes.append("CMYK without a usable colour profile was converted by the plain rule")
    return np.array(image.convert("RGB")), None
