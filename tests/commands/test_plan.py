"""`ignn plan` from the command line."""

import re

import pytest

TINY = "ignn-tiny_x2c32b8k5d30_1xb16-2k_bsds-t91"


def test_plan_prints_stages_and_total(cli):
    status, out, _ = cli("plan", TINY, "--lr-size", "40x24")
    assert status == 0
    assert "LR 40x24" in out
    assert "aggregator.downsample" in out
    assert "total beside the built model" in out


def test_plan_of_tiles_prints_the_area_ratio(cli):
    status, out, _ = cli("plan", TINY, "--lr-size", "48x48", "--tile", "24")
    assert status == 0
    # Halos: 9 before the aggregator; from it on 8 of its own, 8 of four blocks, the last two. A
    # step is computed only where later ones need it, so that this is a bound.
    before, after = (24 + 9) ** 2, (24 + 18) ** 2
    ratio = float(re.search(r"by the halo │ ([\d.]+)", out)[1])
    assert 1 < ratio < 4 * (before + after) / 2 / 48**2
    status, _, err = cli("plan", TINY, "--lr-size", "48x48", "--tile", "24", "--train")
    assert (status, "--tile" in err) == (1, True)


def test_unknown_config_names_the_nearest(cli):
    status, _, err = cli("plan", TINY + "x", "--lr-size", "40x24")
    assert (status, TINY in err) == (1, True)


def test_image_too_small_is_an_error(cli):
    status, _, err = cli("plan", TINY, "--lr-size", "40x8")
    assert (status, "too small" in err) == (1, True)


@pytest.mark.parametrize("size", ["512", "0x40", "axb", "40x40x3"])
def test_sizes_are_width_times_height(cli, size, capsys):
    with pytest.raises(SystemExit):
        cli("plan", TINY, "--lr-size", size)
    assert "is no size such as 512x340" in capsys.readouterr().err
