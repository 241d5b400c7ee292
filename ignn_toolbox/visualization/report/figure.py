"""The figure of papers: a picture with a box, and the box enlarged for every method."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...evaluation import Results
from ...evaluation.protocols import DEFAULT_PROTOCOL, score
from ...files import write_bytes
from ...text import shown
from .page import check_results
from .sources import TRUTH, ImageFiles, find_files, load_pictures

ROWS = 2
WIDTH = 7.0  # inches, a page's text
CAPTION, GAP = 0.28, 0.08  # inches
DPI = 300
COLOUR = "#e03131"


def write_figure(
    results: Sequence[Results],
    image: str,
    box: tuple[int, int, int, int],
    out: str | Path,
    *,
    protocol: str = DEFAULT_PROTOCOL,
    data_root: Path | None = None,
) -> list[Path]:
    """Draw one image's crop under every method, with PSNR/SSIM of the whole image.

    Args:
        results: Results of one scale with pictures, one a method.
        image: Name of the image, ``img_001`` or ``Urban100/img_001``.
        box: x, y, width and height of the crop in pixels of the ground truth.
        out: Path of the figure; the suffixes .png and .pdf are set.
        protocol: Protocol of the figures.
        data_root: Folder that holds the benchmark sets, where the results do not say.

    Returns:
        The two files.

    Raises:
        ValueError: The image is unknown, ambiguous or without pictures, or the box leaves it.
    """
    scale = check_results(results, protocol)
    files = _find(find_files(results, data_root)[0], image)
    pictures = load_pictures(files, scale)
    truth = pictures[TRUTH]
    x, y, width, height = box
    if min(x, y) < 0 or min(width, height) < 1:
        raise ValueError(f"the box {box} (x, y, width, height) must have positive sides")
    if x + width > truth.shape[1] or y + height > truth.shape[0]:
        raise ValueError(
            f"the box {box} (x, y, width, height) leaves {files.image} of "
            f"{truth.shape[1]}x{truth.shape[0]}"
        )
    captions = {}
    for name, picture in pictures.items():
        psnr, ssim = score(picture, truth, scale, protocol)
        figures = "PSNR / SSIM" if name == TRUTH else f"{psnr:.2f} / {ssim:.4f}"
        captions[name] = f"{shown(name)}\n{figures}"
    title = shown(f"{files.dataset} (x{scale}): {files.image}")
    drawing = _draw(pictures, captions, box, title)
    paths = []
    for suffix, canvas in ((".png", FigureCanvasAgg), (".pdf", FigureCanvasPdf)):
        data = io.BytesIO()
        canvas(drawing).print_figure(data, format=suffix[1:], dpi=DPI, bbox_inches="tight")
        paths.append(Path(out).with_suffix(suffix))
        write_bytes(paths[-1], data.getvalue())
    return paths


def _find(files: Sequence[ImageFiles], image: str) -> ImageFiles:
    fits = [item for item in files if image in (item.image, f"{item.dataset}/{item.image}")]
    if not fits:
        raise ValueError(f"no image {image!r} has pictures; there are {len(files)} that have")
    if len(fits) > 1:
        sets = ", ".join(f"{item.dataset}/{item.image}" for item in fits)
        raise ValueError(f"{image!r} is in several sets: name one of {sets}")
    return fits[0]


def _draw(
    pictures: dict[str, np.ndarray],
    captions: dict[str, str],
    box: tuple[int, int, int, int],
    title: str,
) -> Figure:
    x, y, width, height = box
    truth = pictures[TRUTH]
    columns = -(-len(pictures) // ROWS)
    whole_aspect, crop_aspect = truth.shape[1] / truth.shape[0], width / height
    # Crops of height c stand in two rows; the whole picture is as high as both with one caption.
    free = WIDTH - columns * GAP - CAPTION * whole_aspect
    crop_height = max(0.4, free / (ROWS * whole_aspect + columns * crop_aspect))
    whole_height = ROWS * crop_height + CAPTION
    total_height = whole_height + CAPTION
    crop_width, whole_width = crop_height * crop_aspect, whole_height * whole_aspect
    total_width = whole_width + columns * (crop_width + GAP)
    figure = Figure(figsize=(total_width, total_height))

    def add(left: float, bottom: float, wide: float, high: float, caption: str) -> Axes:
        place = (left / total_width, bottom / total_height, wide / total_width, high / total_height)
        axes = figure.add_axes(place)
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(caption, fontsize=6, labelpad=2, parse_math=False)
        return axes

    axes = add(0, CAPTION, whole_width, whole_height, title)
    axes.imshow(truth)
    axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=COLOUR, linewidth=1.2))
    for number, (name, picture) in enumerate(pictures.items()):
        row, column = divmod(number, columns)
        left = whole_width + GAP + column * (crop_width + GAP)
        bottom = (ROWS - row) * CAPTION + (ROWS - 1 - row) * crop_height
        axes = add(left, bottom, crop_width, crop_height, captions[name])
        axes.imshow(picture[y : y + height, x : x + width], interpolation="nearest")
    return figure
