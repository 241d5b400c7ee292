"""`ignn benchmark` from the command line."""

import pytest

TINY = "ignn-tiny_x2c32b8k5d30_1xb16-2k_bsds-t91"


def test_cases_are_listed(cli):
    status, out, _ = cli("benchmark", "model", "--list")
    assert status == 0
    assert "graphagg_x2_256: " in out
    assert "ignn_x2_60_train" not in out


def test_plan_prints_stages_and_total(cli):
    status, out, _ = cli("benchmark", "plan", TINY, "--lr-size", "40x24")
    assert status == 0
    assert "LR 40x24" in out
    assert "aggregator.downsample" in out
    assert "total beside the built model" in out


def test_plan_of_tiles_prints_the_area_ratio(cli):
    status, out, _ = cli("benchmark", "plan", TINY, "--lr-size", "48x48", "--tile", "24")
    assert status == 0
    # halos: 9 before the aggregator; from it on 8 of its own, 8 of four blocks, the last two
    before, after = (24 + 9) ** 2, (24 + 18) ** 2
    assert f"{4 * (before + after) / 2 / 48**2:.3f}" in out
    status, _, err = cli("benchmark", "plan", TINY, "--lr-size", "48x48", "--tile", "24", "--train")
    assert (status, "--tile" in err) == (1, True)


def test_case_of_another_group_says_where_it_is(cli, tmp_path):
    status, _, err = cli("benchmark", "ops", "--case", "ignn_x2_256", "-o", tmp_path)
    assert status == 1
    assert "`ignn benchmark model`" in err
    assert not list(tmp_path.iterdir())


def test_unknown_case_and_config_name_the_nearest(cli, tmp_path):
    status, _, err = cli("benchmark", "ops", "--case", "search_x2_84", "-o", tmp_path)
    assert (status, "did you mean search_x2_48" in err) == (1, True)
    status, _, err = cli("benchmark", "plan", TINY + "x", "--lr-size", "40x24")
    assert (status, TINY in err) == (1, True)


def test_image_too_small_is_an_error(cli):
    status, _, err = cli("benchmark", "plan", TINY, "--lr-size", "40x8")
    assert (status, "too small" in err) == (1, True)


@pytest.mark.parametrize("size", ["512", "0x40", "axb", "40x40x3"])
def test_sizes_are_width_times_height(cli, size, capsys):
    with pytest.raises(SystemExit):
        cli("benchmark", "plan", TINY, "--lr-size", size)
    assert "is no size such as 512x340" in capsys.readouterr().err
