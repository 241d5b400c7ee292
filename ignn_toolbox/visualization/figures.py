"""Figures of graphs, features and recurrence, drawn by matplotlib without a display."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..files import write_bytes
from .attention import Attended
from .inspection import Query

FORMATS = (".png", ".pdf")
_QUERY = "red"
_NEIGHBORS = ("C0", "C1", "C2", "C4", "C5", "C6", "C8", "C9")
_DPI = 150


def draw_query(query: Query) -> Figure:
    """A query, its neighbours in the searched image and in the LR image, and their weights.

    Upper row: the LR image with the query (red) and the patches that are aggregated, the searched
    image with the places where they were found. Lower row: the patches themselves, enlarged by
    repeating pixels, each with its weight and squared distance. (Figure 1 of the paper.)
    """
    count = len(query.found)
    figure = Figure(figsize=(max(8, 1.4 * (count + 1)), 6.5), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(2.4, 1))
    above, below = parts
    lr, searched = above.subplots(1, 2)
    colours = [_NEIGHBORS[rank % len(_NEIGHBORS)] for rank in range(count)]
    _show(lr, query.image, "the picture: query and aggregated patches")
    _show(searched, query.searched, "searched image: neighbours")
    for rank, colour in enumerate(colours):
        _outline(lr, query.taken[rank], colour)
        _outline(searched, query.found[rank], colour)
    _outline(lr, query.box, _QUERY)
    axes = below.subplots(1, count + 1)
    _show(axes[0], _crop(query.image, query.box), "query", _QUERY)
    for rank, colour in enumerate(colours):
        title = f"w = {query.weights[rank]:.3f}\nD = {query.distances[rank]:.3g}"
        _show(axes[rank + 1], _crop(query.image, query.taken[rank]), title, colour)
    return figure


def draw_attention(image: np.ndarray, attentions: Sequence[Attended]) -> Figure:
    """An image with the query's pixel, and beside it the weights of each attention.

    A row each; maps of smaller scales are drawn as large as the image. Grey is logarithmic, over
    four powers of ten below the attention's largest weight.
    """
    columns = 1 + max(len(a.maps) for a in attentions)
    size = 3 * columns, 3.2 * len(attentions)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(attentions), columns, squeeze=False)
    height, width = image.shape[:2]
    for row, attention in zip(axes, attentions, strict=True):
        _show(row[0], image, attention.name)
        scale = attention.scale
        row[0].plot(attention.place[1] / scale, attention.place[0] / scale, "+", color=_QUERY)
        most = max(float(weights.max()) for weights in attention.maps)
        for axis, weights in zip(row[1:], attention.maps, strict=False):
            logarithm = np.log10(np.maximum(weights, most * 1e-4))
            title = f"{weights.shape[1]}x{weights.shape[0]}, sum {weights.sum():.3f}"
            extent = (0, width, height, 0)
            _show(
                axis,
                logarithm,
                title,
                cmap="magma",
                extent=extent,
                vmin=np.log10(most) - 4,
                vmax=np.log10(most),
            )
        for axis in row[1 + len(attention.maps) :]:
            axis.set_axis_off()
    return figure


def draw_features(maps: Mapping[str, np.ndarray]) -> Figure:
    """Feature maps ``(H, W)`` side by side; those of one size share their range of grey."""
    columns = (len(maps) + 1) // 2
    figure = Figure(figsize=(4 * columns, 6.5), layout="constrained")
    axes = figure.subplots(2, columns, squeeze=False).T.flat
    for axis, (name, values) in zip(axes, maps.items(), strict=False):
        alike = [other for other in maps.values() if other.shape == values.shape]
        low, high = min(map(np.min, alike)), max(map(np.max, alike))
        _show(axis, values, name, cmap="gray", vmin=low, vmax=high)
    return figure


def draw_recurrence(image: np.ndarray, values: np.ndarray) -> Figure:
    """An image beside its recurrence map, see `evaluation.recurrence.recurrence_map`."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _show(left, image, "image")
    height, width = image.shape[:2]
    drawn = _show(
        right, values, "distance to the nearest patches", extent=(0, width, height, 0), vmin=0
    )
    bar = figure.colorbar(drawn, ax=right, shrink=0.8)
    bar.set_label("RMS difference in grey levels; dark repeats itself")
    return figure


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG or PDF, by the file's suffix.

    Raises:
        ValueError: The suffix is another.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{path}: figures are written as {' or '.join(FORMATS)}")
    content = io.BytesIO()
    # no date in it: the same figure gives the same file
    metadata = {"CreationDate": None} if path.suffix.lower() == ".pdf" else {"Software": None}
    figure.savefig(content, format=path.suffix[1:].lower(), dpi=_DPI, metadata=metadata)
    write_bytes(path, content.getvalue())


def _show(
    axis: Any, image: np.ndarray, title: str, frame: str | None = None, **options: Any
) -> Any:
    drawn = axis.imshow(image, interpolation="nearest", **options)
    axis.set_title(title, fontsize=9)
    axis.set_xticks([])
    axis.set_yticks([])
    for side in axis.spines.values():
        side.set_color(frame or "black")
        side.set_linewidth(2 if frame else 0.5)
    return drawn


def _outline(axis: Any, box: tuple[int, int, int], colour: str) -> None:
    top, left, side = box
    corner = left - 0.5, top - 0.5
    axis.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=1.2))


def _crop(image: np.ndarray, box: tuple[int, int, int]) -> np.ndarray:
    """The box's pixels; what reaches over the border is black, as the network takes it."""
    top, left, side = box
    part = image[top : top + side, left : left + side]
    missing = [(0, side - part.shape[axis]) for axis in (0, 1)]
    return np.pad(part, [*missing, (0, 0)])
