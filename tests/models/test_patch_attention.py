"""CSNLN's and PANet's attentions compute what the authors' code computes."""

import json

import numpy as np
import pytest
import torch

from ignn_toolbox.models import CrossScaleAttention, InScaleAttention, PyramidAttention
from ignn_toolbox.models.aggregators.cross_scale import reduced
from ignn_toolbox.models.steps import Place
from ignn_toolbox.ops.bicubic import resize_rows
from ignn_toolbox.ops.patches import Region

NAMES = {
    "conv_match1": "match_queries",
    "conv_match_1": "match_queries",
    "conv_match_L_base": "match_queries",
    "conv_match2": "match_keys",
    "conv_match_2": "match_keys",
    "conv_match": "match_keys",
    "conv_assembly": "assemble",
}


def _load(shared_dir, name):
    """A golden case, and our module with its weights."""
    case = np.load(shared_dir / "golden" / name)
    cfg = json.loads(str(case["cfg"]))
    if cfg["cls"] == "CrossScaleAttention":
        ours = CrossScaleAttention(cfg["channel"], cfg["scale"], cfg["reduction"])
    elif cfg["cls"] == "NonLocalAttention":
        ours = InScaleAttention(cfg["channel"], cfg["reduction"])
    else:
        ours = PyramidAttention(
            cfg["channel"],
            cfg["reduction"],
            cfg["level"],
            identity_scale=cfg["res_scale"],
            sampling="torch2",
        )
    weights = {
        _renamed(key[2:]): torch.from_numpy(case[key])
        for key in case
        if key.startswith("w/") and "escape" not in key
    }
    ours.load_state_dict(weights)
    return case, ours


def _renamed(key):
    first, _, rest = key.partition(".")
    return f"{NAMES[first]}.{rest}"


FORWARD = [
    "csnln/csnln_csattn_s2.npz",
    "csnln/csnln_nlattn.npz",
    "panet/panet_pyramidattn_L1.npz",
    "panet/panet_pyramidattn_L5.npz",
    "panet/panet_pyramidattn_L5_odd.npz",
]
BACKWARD = [
    "csnln/csnln_csattn_s3_grad.npz",
    "csnln/csnln_nlattn_grad.npz",
    "panet/panet_pyramidattn_L5_rs01_grad.npz",
]


@pytest.mark.parametrize("name", FORWARD + BACKWARD)
def test_golden_results(name, shared_dir):
    case, ours = _load(shared_dir, name)
    x = torch.from_numpy(case["x"])
    with torch.no_grad():
        single, double = ours(x), ours.double()(x.double())
    assert (single - torch.from_numpy(case["y"])).abs().max() < 1e-5
    assert (double - torch.from_numpy(case["y64"])).abs().max() < 1e-12
    if "y_torch11" in case:
        ours.sampling = "torch1"
        with torch.no_grad():
            assert (ours.float()(x) - torch.from_numpy(case["y_torch11"])).abs().max() < 1e-5


@pytest.mark.parametrize("name", BACKWARD)
def test_golden_gradients(name, shared_dir):
    case, ours = _load(shared_dir, name)
    x = torch.from_numpy(case["x"]).double().requires_grad_()
    (ours.double()(x) * torch.from_numpy(case["grad_out"])).sum().backward()
    found = {name: p.grad for name, p in ours.named_parameters()} | {"x": x.grad}
    for key in (k for k in case if k.startswith("grad/")):
        expected = torch.from_numpy(case[key])
        own = found[key[5:] if key == "grad/x" else _renamed(key[5:])]
        assert (own - expected).abs().max() < 1e-6 * expected.abs().max(), key


@pytest.mark.parametrize(("channels", "reduction", "count"), [(64, 2, 8323), (256, 8, 82243)])
def test_published_sizes_of_pyramid_attention(channels, reduction, count):
    with torch.device("meta"):
        ours = PyramidAttention(channels, reduction)
    assert sum(p.numel() for p in ours.parameters()) == count


ATTENTIONS = {
    "cross-scale x2": lambda: CrossScaleAttention(6),
    "cross-scale x3": lambda: CrossScaleAttention(6, 3, reduction=3),
    "in-scale": lambda: InScaleAttention(6, residual=True),
    "pyramid": lambda: PyramidAttention(6),
    "pyramid torch2": lambda: PyramidAttention(6, 3, levels=3, sampling="torch2"),
}


@pytest.mark.parametrize("name", ATTENTIONS)
def test_keys_made_in_bands_are_those_of_the_whole(name, monkeypatch):
    monkeypatch.setattr("ignn_toolbox.models.aggregators.patch_attention._BAND", 2000)
    ours, x = ATTENTIONS[name]().double(), torch.randn(1, 6, 24, 30).double()

    def allocate(shape, dtype):
        return torch.zeros(shape, dtype=dtype)

    with torch.no_grad():
        whole, bands = ours.prepare(x), ours.prepare(x, allocate=allocate)
        for own, expected in zip(bands[:3], whole[:3], strict=True):
            torch.testing.assert_close(own, expected)
        assert bands.grids == whole.grids
        top, left, halo, scale = 3, 6, ours.reach.halo, ours.scales[0]
        region = Region(top, left, 15, 18)
        part = ours.attend(bands, x[:, :, top : top + 15, left : left + 18], Place(region, 24, 30))
        expected = ours(x)[
            ..., scale * top : scale * (top + 15), scale * left : scale * (left + 18)
        ]
        inside = slice(scale * halo, -scale * halo or None)
        torch.testing.assert_close(part[..., inside, inside], expected[..., inside, inside])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reduction_is_torchs_bilinear(scale):
    x = torch.randn(2, 3, 12, 24)
    expected = torch.nn.functional.interpolate(
        x, scale_factor=1 / scale, mode="bilinear", align_corners=False
    )
    torch.testing.assert_close(reduced(x, scale), expected)


@pytest.mark.parametrize("size", [(7, 11), (2, 2), (31, 90)])
@pytest.mark.parametrize("factor", [0.9, 0.7, 0.6])
@pytest.mark.parametrize("recompute", [False, True])
def test_resizing_is_torchs_bicubic(size, factor, recompute):
    x = torch.randn(1, 2, *size, dtype=torch.double)
    expected = torch.nn.functional.interpolate(
        x, scale_factor=factor, mode="bicubic", recompute_scale_factor=recompute or None
    )
    new = tuple(expected.shape[2:])
    steps = tuple(n / m for n, m in zip(size, new, strict=True)) if recompute else (1 / factor,) * 2
    for rows in (slice(0, new[0]), slice(new[0] // 2, new[0]), slice(0, 1)):
        own = resize_rows(x, new, steps, rows, x.device)
        torch.testing.assert_close(own, expected[:, :, rows])


@pytest.mark.parametrize("height", [90, 170, 180])
def test_levels_are_rounded_down_as_doubles(height):
    assert PyramidAttention(4).searched_sizes(height, 10)[3] == (height * 7 // 10 - 1, 7)


@pytest.mark.parametrize(
    ("make", "cells", "divisor", "own"),
    [
        (lambda: PyramidAttention(1, 1, 1), 12, 4, 1),
        (lambda: CrossScaleAttention(1, 2, 1), 6, 6, 0),
    ],
)
def test_folds_are_divided_by_the_released_codes_constants(make, cells, divisor, own):
    """Equal weights on ones: of the nine blocks that overlap, those at borders hold zeros."""
    module, x = make(), torch.ones(1, 1, 12, 12)
    module.softmax_scale = 0.0
    with torch.no_grad():
        module.assemble[0].weight.fill_(1)
        module.assemble[0].bias.zero_()
        out = module(x)[0, 0]
    overlap = (3 * cells - 2) / cells
    torch.testing.assert_close(float(out[6, 6]), overlap**2 / divisor + own)
    edge = (2 * cells - 1) / cells
    torch.testing.assert_close(float(out[0, 6]), overlap * edge / divisor + own)


@pytest.mark.parametrize("make", [InScaleAttention, PyramidAttention])
def test_residual_attention_starts_as_identity_and_learns(make):
    module, x = make(6, residual=True), torch.randn(1, 6, 7, 9)
    out = module(x)
    assert torch.equal(out, x)
    out.square().sum().backward()
    assert module.assemble[0].weight.grad.any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PyramidAttention(8, residual=True, identity_scale=0.1), "is no identity with"),
        (lambda: PyramidAttention(8, levels=0), r"levels=0 must lie in 1\.\.9"),
        (lambda: PyramidAttention(8, sampling="torch3"), "sampling='torch3' must be one of torch1"),
        (lambda: PyramidAttention(8, reduction=9), r"reduction=9 must lie in 1\.\.8"),
        (lambda: CrossScaleAttention(8, scale=1), "must be at least 2, got 1"),
    ],
)
def test_what_cannot_be_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
