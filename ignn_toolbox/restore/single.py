"""One picture in, one picture out."""

from pathlib import Path
from typing import Any

from torch import Tensor

from ..models.restorers import Restorer
from ..models.spec import NetworkSpec
from ..zoo import DEFAULT_MODEL
from .inferencer import SRInferencer
from .purpose import check_purpose
from .source import Source


def upscale(
    picture: Source,
    model: str | Path | Restorer | SRInferencer = DEFAULT_MODEL,
    *,
    factor: float | None = None,
    width: int | None = None,
    height: int | None = None,
    as_pil: bool = False,
    **options: Any,
) -> Any:
    """Super-resolve one picture: an array, or with ``as_pil`` an image of Pillow's.

    Args:
        picture: A path, array, tensor of one picture or Pillow's image; see `SRInferencer`.
        model: What `SRInferencer` takes, or one, which is not loaded again for every picture.
        factor: Output size over input size, if not the model's scale.
        width: Output width; alone it keeps the aspect ratio.
        height: Output height; alone it keeps the aspect ratio.
        as_pil: Give an image of Pillow's.
        **options: Further arguments of `SRInferencer`.

    Raises:
        TypeError: Options for an `SRInferencer` that is there already, or no picture.
        ValueError: As `SRInferencer`; or several pictures.

    Examples:
        >>> from PIL import Image
        >>> upscale(Image.new("RGB", (30, 20)), factor=3, as_pil=True, device="cpu").size
        (90, 60)
    """
    if isinstance(model, SRInferencer) and options:
        raise TypeError(f"{', '.join(options)}: say it where the SRInferencer is made")
    if not isinstance(picture, Source):
        raise TypeError(
            f"{type(picture).__name__} is no picture; SRInferencer takes several, a path, array, "
            "tensor or Pillow's image is one"
        )
    if isinstance(picture, Tensor) and picture.ndim == 4 and len(picture) != 1:
        raise ValueError(f"a tensor of {len(picture)} pictures; SRInferencer takes several")
    inferencer = model if isinstance(model, SRInferencer) else SRInferencer(model, **options)
    size = dict(factor=factor, width=width, height=height)
    return next(inferencer([picture], **size, as_pil=as_pil))  # type: ignore[arg-type]


def restore(
    picture: Source,
    model: str | Path | Restorer | SRInferencer,
    *,
    as_pil: bool = False,
    **options: Any,
) -> Any:
    """Restore one picture at its own size: noise, JPEG artefacts, mosaics, as the model is for.

    Args:
        picture: As in `upscale`.
        model: As in `upscale`.
        as_pil: As in `upscale`.
        **options: As in `upscale`.

    Raises:
        TypeError: As in `upscale`.
        ValueError: As in `upscale`; or the model enlarges.

    Examples:
        >>> from PIL import Image
        >>> restore(Image.new("RGB", (30, 20)), "denoise_tiny", as_pil=True, device="cpu").size
        (30, 20)
    """
    if isinstance(model, SRInferencer):
        check_purpose(NetworkSpec(model.scale), "this SRInferencer", keeps_size=True)
    else:
        options["keeps_size"] = True
    return upscale(picture, model, as_pil=as_pil, **options)
