"""Pictures from Pillow's images and back."""

import numpy as np
from PIL import Image, ImageOps

from .colour import pixels_of
from .picture import Picture, PictureError
from .pixels import checked_array


def from_pillow(image: Image.Image) -> Picture:
    """Return an image's present frame as an upright picture.

    Grey of 16 bits keeps them, grey of floating point is taken as it is (0 black, 1 white); other
    modes are as in `decode_picture`.

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
    return Picture(checked_array(pixels), "png", icc_profile=profile, notes=tuple(notes))


def to_pillow(pixels: np.ndarray) -> Image.Image:
    """Return ``(H, W)`` or ``(H, W, C)`` as Pillow's image of the same values.

    Raises:
        ValueError: Pillow has no such image: 16 bits or floating point of more than grey.
    """
    flat = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    if flat.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(flat))
    if flat.ndim == 2 and (flat.dtype == np.uint16 or np.issubdtype(flat.dtype, np.floating)):
        kept = flat if flat.dtype == np.uint16 else flat.astype(np.float32)
        return Image.fromarray(np.ascontiguousarray(kept))
    raise ValueError(
        f"Pillow has no image of {flat.shape[2:] or (1,)} channels of {flat.dtype}; take the "
        "array, or make it 8 bits first (to_8_bits)"
    )
