"""The table of a grid pairs images and seeds."""

import pytest

from ignn_toolbox.evaluation.grid_table import grid_rows, markdown
from ignn_toolbox.evaluation.results import Results


@pytest.fixture
def results():
    """Results of one seed on Set14, from PSNR by image."""

    def make(**psnr: float) -> Results:
        records = [
            {"dataset": "Set14", "image": image, "protocol": "y-float", "psnr": value, "ssim": 0.9}
            for image, value in psnr.items()
        ]
        return Results(model="m", scale=2, records=records)

    return make


def test_gain_compares_the_seeds_that_both_have(results):
    """A seed that only the baseline has finished, and how good it was, changes no gain."""
    finished = {
        "base": {0: results(a=30.0, b=32.0), 1: results(a=40.0, b=42.0)},
        "graph": {0: results(a=30.1, b=32.3)},
    }
    base, graph, other = grid_rows(["base", "graph", "none"], ["Set14"], finished, "base")
    assert graph.gain == pytest.approx(0.2)
    assert graph.interval == pytest.approx((0.1, 0.3))
    assert (base.seeds, graph.seeds, other.seeds) == (2, 1, 0)
    assert base.spread == pytest.approx((31.0, 41.0))
    assert graph.gain_spread is None
    assert other.gain is None


def test_gains_of_seeds_vary_less_than_their_means(results):
    finished = {
        "base": {0: results(a=30.0, b=32.0), 1: results(a=31.0, b=33.0)},
        "graph": {0: results(a=30.1, b=32.1), 1: results(a=31.2, b=33.2)},
    }
    _, graph = grid_rows(["base", "graph"], ["Set14"], finished, "base")
    assert graph.gain == pytest.approx(0.15)
    assert graph.gain_spread == pytest.approx((0.1, 0.2))
    assert graph.interval == pytest.approx((0.15, 0.15)), "images do not differ"


def test_nothing_is_printed_as_a_negative_zero(results):
    finished = {"base": {0: results(a=30.0)}, "graph": {0: results(a=29.9999)}}
    text = markdown("t", grid_rows(["base", "graph"], ["Set14"], finished, "base"))
    assert "+0.000" in text
    assert "-0.000" not in text
