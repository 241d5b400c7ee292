"""Comparison of per-image records, and the recurrence score."""

import math

import numpy as np
import pytest

from ignn_toolbox.evaluation import Results
from ignn_toolbox.evaluation.comparison import compare
from ignn_toolbox.evaluation.recurrence import recurrence_score


def results(model: str, psnr: list[float], scale: int = 2, **changes) -> Results:
    records = [
        {
            "dataset": "Set",
            "image": f"i{index}",
            "height": 8,
            "width": 8,
            "protocol": "y-float",
            "psnr": value,
            "ssim": value / 100,
            "seconds": None,
        }
        | changes
        for index, value in enumerate(psnr)
    ]
    return Results(model, scale, records)


def test_differences_are_second_minus_first() -> None:
    (row,) = compare(results("a", [30, 31, 32, 33]), results("b", [30.5, 31, 31.9, 34]))
    assert row.differences == pytest.approx([0.5, 0, -0.1, 1])
    assert row.mean == pytest.approx(0.35)
    assert (row.wins, row.losses) == (2, 1)
    gains, losses = row.extremes(5)
    assert [name for name, _ in gains] == ["i3", "i0"]
    assert [name for name, _ in losses] == ["i2"]
    assert row.interval[0] <= row.mean <= row.interval[1]
    (row,) = compare(results("a", [30]), results("b", [31]), "ssim")
    assert row.mean == pytest.approx(0.01)


def test_order_of_records_does_not_matter() -> None:
    a, b = results("a", [30, 31, 32]), results("b", [31, 33, 35])
    expected = compare(a, b)[0]
    b.records.reverse()
    assert compare(a, b)[0].differences == pytest.approx(expected.differences)


def test_split_by_self_similarity() -> None:
    a, b = results("a", [30] * 6), results("b", [33, 32, 31.5, 31, 30.5, 30])
    scores = {("Set", f"i{index}"): float(index) for index in range(6)}
    (row,) = compare(a, b, recurrence=scores)
    assert [(split.images, split.mean) for split in row.splits] == [
        (3, pytest.approx(6.5 / 3)),
        (3, pytest.approx(0.5)),
    ]
    assert row.correlation == pytest.approx(-1)


@pytest.mark.parametrize(
    ("message", "other"),
    [
        ("a is x2 and b x3", results("b", [30, 31], scale=3)),
        ("protocols", results("b", [30, 31], protocol="rgb")),
        ("benchmark sets", results("b", [30, 31], dataset="Other")),
        ("i1 is only in one of them", results("b", [30])),
        ("i0 of Set equals its ground truth", results("b", [math.inf, 31])),
    ],
)
def test_what_cannot_be_compared_is_refused(message: str, other: Results) -> None:
    with pytest.raises(ValueError, match=message):
        compare(results("a", [30, 31]), other)


def test_repeating_images_have_a_lower_recurrence_score() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    # Concentric rings of a logarithmic radius look the same at every scale.
    y, x = np.mgrid[-24:24, -24:24] + 0.5
    rings = 128 + 100 * np.sin(2 * np.pi * np.log2(np.hypot(x, y)))
    rings = np.repeat(rings[..., None], 3, axis=2).astype(np.uint8)
    flat = np.full((48, 48, 3), 90, np.uint8)
    assert recurrence_score(noise) > 2 * recurrence_score(rings)
    assert recurrence_score(flat) == pytest.approx(0, abs=0.1)


def test_recurrence_score_is_the_distance_by_definition() -> None:
    from ignn_toolbox.datasets.degradations import bicubic_lr

    image = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    keys = bicubic_lr(image, 2).astype(float)  # rounded to 8 bits, the score's keys are not
    patches = [
        [a[y : y + 3, x : x + 3] for y in range(0, h - 2, 2) for x in range(0, h - 2, 2)]
        for a, h in ((image.astype(float), 24), (keys, 12))
    ]
    rms = [[np.sqrt(np.mean((q - k) ** 2)) for k in patches[1]] for q in patches[0]]
    expected = np.mean([min(row) for row in rms])
    # The graph's grids have one more row and column, padded by zeros, hence the tolerance.
    assert recurrence_score(image, num_neighbors=1) == pytest.approx(expected, rel=0.15)


def test_too_small_image() -> None:
    with pytest.raises(ValueError, match="num_neighbors"):
        recurrence_score(np.zeros((8, 8, 3), np.uint8))
