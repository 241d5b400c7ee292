"""Pictures from Pillow's images and back."""

import numpy as np
from PIL import Image, ImageOps

from .colour import pixels_of
from .picture import Picture, PictureError
from .pixels import checked_array


def from_pillow(image: Image.Image, value_range: tuple[float, float] | None = None) -> Picture:
    """Return an image's present frame as an upright picture.

    Grey of 16 bits keeps them, grey of floating point stays so; other modes are as in
    `decode_picture`.

    Args:
        image: Opened or made; it is not changed.
        value_range: What black and white are in floating point, as in `checked_array`.

    Raises:
        PictureError: The mode is none of grey, RGB, a palette or CMYK, or the image is damaged.
    """
    notes: list[str] = []
    try:
        image = ImageOps.exif_transpose(image) or image
        profile = image.info.get("icc_profile")
        if image.mode.startswith("I;16"):
            pixels = np.array(image).astype(np.uint16)[:, :, None]
        elif image.mode == "F":
            pixels = np.array(image)[:, :, None]
        else:
            pixels, profile = pixels_of(image, profile, notes)
    except PictureError as error:
        raise error.about("the image") from error
    except (OSError, SyntaxError) as error:
        raise PictureError(f"the image is truncated or damaged: {error}") from error
    pixels = checked_array(pixels, value_range if pixels.dtype == np.float32 else None)
    return Picture(pixels, "png", icc_profile=profile, notes=tuple(notes))


def to_pillow(pixels: np.ndarray, icc_profile: bytes | None = None) -> Image.Image:
    """Return ``(H, W)`` or ``(H, W, C)`` as Pillow's image of the same values.

    Args:
        pixels: uint8; grey may also be uint16 or floating point.
        icc_profile: The colour profile, which the image then writes into its files.

    Raises:
        ValueError: Pillow has no such image: 16 bits or floating point of more than grey.
    """
    flat = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    if np.issubdtype(flat.dtype, np.floating):
        flat = flat.astype(np.float32)
    if flat.dtype != np.uint8 and (flat.ndim > 2 or flat.dtype not in (np.uint16, np.float32)):
        raise ValueError(
            f"Pillow has no image of {flat.shape[2:] or (1,)} channels of {flat.dtype}; take the "
            "array, or make it 8 bits first (to_8_bits)"
        )
    image = Image.fromarray(np.ascontiguousarray(flat))
    if icc_profile is not None:
        image.info["icc_profile"] = icc_profile
    return image
