"""The gallery shows every network, and counts what it says."""

import csv

import pytest
import torch
from gallery import CASES, Products, draw, main, measured_psnr, quoted_psnr

from ignn_toolbox.engine.config import load_config
from ignn_toolbox.models.steps import Network
from ignn_toolbox.ops.precision import exact_conv2d
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo import bundled_configs


def test_every_registered_network_is_in_it():
    MODELS.import_from_location()
    known = {
        name
        for name, component in MODELS.module_dict.items()
        if issubclass(component, Network)
        and component.__module__.startswith("ignn_toolbox.models.")
    }
    configs = bundled_configs()
    assert {load_config(configs[case.config]).model.network.type for case in CASES} == known


def test_multiply_adds_are_counted_also_inside_operators_and_attention():
    x, weight, bias = torch.rand(1, 3, 10, 12), torch.rand(8, 3, 3, 3), torch.zeros(8)
    with torch.no_grad(), Products() as counted:
        torch.nn.functional.conv2d(x, weight, bias, padding=1)
    assert counted.total == 8 * 3 * 9 * 120
    with torch.no_grad(), Products() as counted:
        exact_conv2d(x, weight, bias, [1, 1], [1, 1], [1, 1], 1)
    assert counted.total == 8 * 3 * 9 * 120
    query, key, value = torch.rand(1, 1, 20, 8), torch.rand(1, 1, 30, 8), torch.rand(1, 1, 30, 8)
    with torch.no_grad(), Products() as counted:
        torch.nn.functional.scaled_dot_product_attention(query, key, value)
    assert counted.total == 20 * 30 * 16


def test_figures_are_told_apart():
    assert quoted_psnr()["SAN"] == 38.31
    assert measured_psnr()["smfanet_x2"] == pytest.approx(38.044, abs=0.005)


def test_rows_are_kept_and_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "gallery.csv"
    for name in ("Bicubic", "edsr_tiny_x2", "Bicubic"):
        main(["--only", name, "--repeats", "1", "--out", str(out)])
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["network"] for row in rows] == ["edsr_tiny_x2", "Bicubic"]
    tiny = rows[0]
    assert tiny["parameters"] == "161592"
    # every weight of a convolution once a pixel, and four times behind no upsampler but the last
    assert float(tiny["multiply_adds_g"]) == pytest.approx(96**2 * 161_000 / 1e9, rel=0.01)
    assert draw(out).stat().st_size > 1000
