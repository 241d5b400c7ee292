"""Image files in and out: 8-bit RGB arrays, with an error that names the file for all else."""

from pathlib import Path

import cv2
import numpy as np

from ..files import write_bytes

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


def read_image(path: str | Path, notes: list[str] | None = None) -> np.ndarray:
    """Reads an 8-bit image as RGB.

    Grey is repeated to three channels, an alpha channel is dropped, a palette is applied and the
    orientation that a camera stored in a JPG is followed.

    Args:
        path: The file.
        notes: A list to which is appended what was changed (grey, alpha), if anything.

    Returns:
        Array (H, W, 3), uint8, RGB.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is no image, is cut short or damaged, holds more than 8 bits a
            channel, or is animated.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    pixels = _decode(path.read_bytes(), path)
    if pixels.dtype != np.uint8:
        bits = pixels.dtype.itemsize * 8
        raise ValueError(
            f"{path} has {bits} bits a channel; only 8-bit images are taken: convert it"
        )
    if pixels.ndim == 2:
        if notes is not None:
            notes.append("grey, repeated to RGB")
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    if pixels.shape[2] == 4:
        if notes is not None:
            opaque = (pixels[..., 3] == 255).all()
            notes.append("opaque alpha dropped" if opaque else "alpha with transparency dropped")
        return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Writes an RGB image (H, W, 3), uint8, in the format of the file's suffix.

    The file appears whole or not at all: it is written under a temporary name and renamed.
    WebP is written without loss, JPG with quality 95.

    Raises:
        ValueError: The suffix is none of the known ones.
        OSError: The folder cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: the suffix must be one of {', '.join(SUFFIXES)}")
    options = {".webp": [cv2.IMWRITE_WEBP_QUALITY, 101]}.get(suffix, [])
    _, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    write_bytes(path, data.tobytes())


def _decode(data: bytes, path: Path) -> np.ndarray:
    if _is_animated(data):
        raise ValueError(f"{path} is animated; only still images are taken: extract its frames")
    jpeg = data.startswith(b"\xff\xd8")
    cut = jpeg and b"\xff\xd9" not in data[-(2**16) :]  # some decoders fill in what is missing
    flags = cv2.IMREAD_ANYCOLOR if jpeg else cv2.IMREAD_UNCHANGED
    try:
        pixels = None if cut else cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # raised for no data and for sizes beyond its limits
        pixels = None
    if pixels is None:
        raise ValueError(f"{path} cannot be read as an image: it is empty, cut short or damaged")
    return pixels


def _is_animated(data: bytes) -> bool:
    """Finds the animation flag of WebP's extended header and APNG's control chunk."""
    if data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X":
        return bool(data[20] & 2)
    if data.startswith(b"\x89PNG"):
        return b"acTL" in data[: data.find(b"IDAT")]
    return data.startswith(b"GIF8")
