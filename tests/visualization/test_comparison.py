"""Drawn comparisons show exactly the pixels that were computed, of the place that matters."""

import numpy as np
import pytest

from ignn_toolbox.visualization.comparison import Panel, comparison_row, hardest_box, stack_rows


def image(height=60, width=80):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def contains(drawing, patch):
    """Whether a patch occurs in a drawing, found by its first row."""
    height, width = patch.shape[:2]
    for top in range(drawing.shape[0] - height + 1):
        for left in range(drawing.shape[1] - width + 1):
            if np.array_equal(drawing[top, left : left + 8], patch[0, :8]):
                return np.array_equal(drawing[top : top + height, left : left + width], patch)
    return False


def test_box_lies_where_the_estimate_is_worst():
    reference = image()
    estimate = reference.copy()
    estimate[31:37, 50:58] ^= 255
    top, left, height, width = hardest_box(reference, estimate, 12)
    assert (height, width) == (12, 12)
    assert top <= 31
    assert top + height >= 37
    assert left <= 50
    assert left + width >= 58


def test_box_is_cut_to_small_pictures():
    assert hardest_box(image(9, 80), image(9, 80), 48)[2:] == (9, 9)


def test_crops_are_enlarged_by_repeating_pixels():
    panels = [Panel("one", "1 dB", image()), Panel("two", "2 dB", 255 - image())]
    drawing = comparison_row("name", panels, (10, 20, 16, 16), zoom=3)
    for panel in panels:
        crop = panel.image[10:26, 20:36].repeat(3, 0).repeat(3, 1)
        assert contains(drawing, crop)


def test_rows_of_different_width_are_stacked_on_white():
    stacked = stack_rows([np.zeros((2, 5, 3), np.uint8), np.zeros((3, 9, 3), np.uint8)])
    assert stacked.shape == (5, 9, 3)
    assert (stacked[:2, 5:] == 255).all()


def test_senseless_comparisons_are_refused():
    with pytest.raises(ValueError, match="at least one panel"):
        comparison_row("name", [], (0, 0, 4, 4))
    panels = [Panel("one", "", image()), Panel("two", "", image(30, 30))]
    with pytest.raises(ValueError, match="different sizes"):
        comparison_row("name", panels, (0, 0, 4, 4))
    with pytest.raises(ValueError, match="leaves 60x80"):
        comparison_row("name", panels[:1], (50, 0, 16, 16))
