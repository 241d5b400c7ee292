"""Results side by side: the whole picture with a box, and the box enlarged for every method."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..text import shown

_MARGIN = 8
_LINE = 20
_PAPER = (255, 255, 255)
_INK = (20, 20, 20)
_BOX = (230, 30, 30)


@dataclass(frozen=True)
class Panel:
    """One method's result.

    Attributes:
        title: Its name.
        caption: A second line, such as its scores.
        image: RGB ``(H, W, 3)`` uint8, of the same size as the other panels'.
    """

    title: str
    caption: str
    image: np.ndarray


def hardest_box(
    reference: np.ndarray, estimate: np.ndarray, size: int
) -> tuple[int, int, int, int]:
    """The square in which an estimate differs most from the reference.

    Args:
        reference: RGB ``(H, W, 3)``.
        estimate: RGB ``(H, W, 3)``.
        size: Side of the square; cut to the picture's shorter side.

    Returns:
        Top, left, height and width.
    """
    size = min(size, *reference.shape[:2])
    error = np.square(reference.astype(np.float64) - estimate).sum(axis=2)
    sums = cv2.integral(error)
    box = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    top, left = np.unravel_index(np.argmax(box), box.shape)
    return int(top), int(left), size, size


def comparison_row(
    name: str,
    panels: Sequence[Panel],
    box: tuple[int, int, int, int],
    zoom: int = 4,
    columns: int = 3,
) -> np.ndarray:
    """Draw one picture's comparison.

    Crops are enlarged by repeating pixels, so that the drawing shows exactly what was computed.

    Args:
        name: Written under the whole picture, which is taken from the last panel.
        panels: What to compare; commonly bicubic, models, original.
        box: Top, left, height and width of the crop.
        zoom: Enlargement of the crops.
        columns: Crops side by side.

    Returns:
        RGB ``(H, W, 3)`` uint8.

    Raises:
        ValueError: There is no panel, their sizes differ, or the box leaves the picture.
    """
    _check(panels, box)
    _, _, box_height, box_width = box
    cell_height = box_height * zoom + 2 * _LINE + _MARGIN
    cell_width = max(box_width * zoom, 150) + _MARGIN
    rows = -(-len(panels) // columns)
    overview = _overview(panels[-1].image, box, rows * cell_height - _LINE - _MARGIN)
    width = 2 * _MARGIN + overview.width + min(columns, len(panels)) * cell_width
    canvas = Image.new("RGB", (width, _MARGIN + rows * cell_height), _PAPER)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    canvas.paste(overview, (_MARGIN, _MARGIN))
    draw.text((_MARGIN, _MARGIN + overview.height + 2), shown(name), _INK, font)
    for index, panel in enumerate(panels):
        left = 2 * _MARGIN + overview.width + index % columns * cell_width
        top = _MARGIN + index // columns * cell_height
        canvas.paste(Image.fromarray(_enlarged(panel.image, box, zoom)), (left, top))
        draw.text((left, top + box_height * zoom + 2), shown(panel.title), _INK, font)
        draw.text((left, top + box_height * zoom + _LINE), panel.caption, _INK, font)
    return np.asarray(canvas)


def stack_rows(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Put drawings ``(H, W, 3)`` under one another, white to the right of the narrower ones."""
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    return np.concatenate(padded)


def _check(panels: Sequence[Panel], box: tuple[int, int, int, int]) -> None:
    if not panels:
        raise ValueError("a comparison needs at least one panel")
    sizes = {panel.title: panel.image.shape for panel in panels}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"panels of different sizes cannot be compared: {sizes}")
    height, width = panels[0].image.shape[:2]
    top, left, box_height, box_width = box
    if min(box) < 0 or top + box_height > height or left + box_width > width:
        raise ValueError(f"the box {box} (top, left, height, width) leaves {height}x{width}")


def _overview(image: np.ndarray, box: tuple[int, int, int, int], height: int) -> Image.Image:
    ratio = height / image.shape[0]
    whole = Image.fromarray(image).resize(
        (max(1, round(image.shape[1] * ratio)), height), Image.Resampling.LANCZOS
    )
    top, left, box_height, box_width = (round(value * ratio) for value in box)
    ImageDraw.Draw(whole).rectangle(
        (left, top, left + box_width, top + box_height), outline=_BOX, width=2
    )
    return whole


def _enlarged(image: np.ndarray, box: tuple[int, int, int, int], zoom: int) -> np.ndarray:
    top, left, height, width = box
    crop = image[top : top + height, left : left + width]
    return crop.repeat(zoom, axis=0).repeat(zoom, axis=1)
