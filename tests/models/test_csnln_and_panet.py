"""CSNLN, PA-EDSR and PANet compute what their authors' code computes."""

import json

import numpy as np
import pytest
import torch

from ignn_toolbox.models import CSNLN, EDSR, Network, PANet
from ignn_toolbox.models.foreign import Options
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo.importers import import_checkpoint

CASES = [
    "csnln/csnln_net_x2",
    "csnln/csnln_net_x2_grad",
    "csnln/csnln_net_x4",
    "panet/panet_paedsr_x2",
    "panet/panet_paedsr_x4",
    "panet/panet_dn_net",
    "panet/panet_dn_net_grad",
]


def _options(cfg):
    """What a file does not tell: the goldens' networks are narrow, and use torch 2's sampling."""
    if cfg["cls"] == "CSNLN":
        return {}
    told = {"sampling": "torch2"}
    return told | {"res_scale": 0.1} if cfg["cls"] == "PAEDSR" else told


def _load(shared_dir, name, tmp_path, prefix="", drop=()):
    case = np.load(shared_dir / "golden" / f"{name}.npz")
    cfg = json.loads(str(case["cfg"]))
    state = {
        prefix + key[2:]: torch.from_numpy(case[key])
        for key in case
        if key.startswith("w/") and key[2:] not in drop
    }
    torch.save(state, tmp_path / "theirs.pt")
    return case, cfg, import_checkpoint(tmp_path / "theirs.pt", **_options(cfg))


@pytest.mark.parametrize("name", CASES)
def test_golden_results_of_imported_files(name, shared_dir, tmp_path):
    case, _, network = _load(shared_dir, name, tmp_path, prefix="module.")
    x = torch.from_numpy(case["x"])
    with torch.no_grad():
        single, double = network(x), network.double()(x.double())
    assert (single - torch.from_numpy(case["y"])).abs().max() < 1e-5
    assert (double - torch.from_numpy(case["y64"])).abs().max() < 1e-9


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith("grad")])
def test_golden_gradients(name, shared_dir, tmp_path):
    case, cfg, network = _load(shared_dir, name, tmp_path)
    x = torch.from_numpy(case["x"]).double().requires_grad_()
    (network.double().train()(x) * torch.from_numpy(case["grad_out"])).sum().backward()
    found = {name: p.grad for name, p in network.named_parameters()} | {"x": x.grad}
    (record,) = type(network).foreign
    theirs = {key[2:]: torch.from_numpy(case[key]) for key in case if key.startswith("w/")}
    ours = record.renamed(theirs, Options(**_options(cfg))) | {"x": "x"}
    seen = set()
    for key in (k[5:] for k in case if k.startswith("grad/")):
        expected = torch.from_numpy(case[f"grad/{key}"])
        if ours[key] is None or not expected.any():
            continue
        own = found[ours[key]]
        assert (own - expected).abs().max() < 1e-5 * expected.abs().max(), key
        seen.add(ours[key])
    missing = {n for n, p in network.named_parameters() if p.requires_grad} - seen
    assert not missing


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (lambda: CSNLN(2), 3_061_289),
        (lambda: CSNLN(3), 6_010_409),
        (lambda: CSNLN(4), 6_568_627),
        (lambda: _pa_edsr(2), 40_811_870),
        (lambda: _pa_edsr(3), 43_762_270),
        (lambda: _pa_edsr(4), 43_172_190),
        (lambda: _panet(3), 5_957_279 - 24),  # the unused mean shifts are left out
        (lambda: _panet(1), 5_954_973 - 24),
        (lambda: CSNLN(2, 32, 4), 193_193),
        (lambda: CSNLN(3, 24, 4), 213_257),
        (lambda: CSNLN(4, 24, 4), 233_067),
    ],
)
def test_published_sizes(build, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in build().parameters()) == count


def _pa_edsr(scale):
    pyramid = {"type": "PyramidAttention", "channels": 256, "reduction": 8, "identity_scale": 0.1}
    return EDSR(scale, 256, 32, 0.1, aggregator=pyramid)


def _panet(planes):
    return PANet(planes=planes, aggregator={"type": "PyramidAttention", "channels": 64})


@pytest.mark.parametrize(
    ("scale", "size", "side"),
    [(2, 40, 32), (2, 41, 32), (3, 40, 33), (4, 40, 32), (4, 42, 32), (4, 44, 36)],
)
def test_the_published_tiles_of_csnln_grow_beyond_a_multiple(scale, size, side):
    """A side that is a multiple of the scale already grows by the scale once more."""
    assert CSNLN(scale, 4, 1).spec.chop.side(size) == side


def test_the_published_tiles_of_pa_edsr_grow_by_the_remainder():
    chop = EDSR(3, 8, 2, aggregator={"type": "PyramidAttention", "channels": 8}).spec.chop
    assert (chop.shave, chop.largest, chop.side(40), chop.side(44)) == (10, 6400, 30, 34)


def test_one_slope_for_all_blocks():
    net = PANet(4, 3)
    assert [n for n, p in net.named_parameters() if p.ndim == 1 and "bias" not in n] == ["slope"]
    net(torch.rand(1, 3, 5, 6)).mean().backward()
    assert net.slope.grad is not None


def test_a_file_whose_slopes_differ_is_refused(shared_dir, tmp_path):
    case = np.load(shared_dir / "golden/panet/panet_dn_net.npz")
    state = {k[2:]: torch.from_numpy(case[k]) for k in case if k.startswith("w/")}
    state["body.1.body.1.weight"] = state["body.1.body.1.weight"] + 1
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(ValueError, match="slopes of their own"):
        import_checkpoint(tmp_path / "net.pt")


def test_attentions_of_another_width_are_refused(shared_dir, tmp_path):
    case = np.load(shared_dir / "golden/csnln/csnln_net_x2.npz")
    state = {k[2:]: torch.from_numpy(case[k]) for k in case if k.startswith("w/")}
    name = "SEM.multi_source_projection.up_attention.conv_assembly.0.weight"
    state[name] = torch.zeros(128, 16, 1, 1)
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(ValueError, match="attentions have 128 channels and its features 16"):
        import_checkpoint(tmp_path / "net.pt")


NETWORKS = {
    "CSNLN x2": lambda: CSNLN(2, 6, 2),
    "CSNLN x3": lambda: CSNLN(3, 6, 2),
    "CSNLN x4": lambda: CSNLN(4, 6, 2),
    "CSNLN without in-scale attention": lambda: CSNLN(2, 6, 2, in_scale=False),
    "CSNLN without cross-scale attention": lambda: CSNLN(2, 6, 2, cross_scale=False),
    "CSNLN by sum": lambda: CSNLN(2, 6, 2, fusion="sum"),
    "CSNLN by concatenation": lambda: CSNLN(2, 6, 2, fusion="concatenation"),
    "PANet": lambda: PANet(6, 2, aggregator={"type": "PyramidAttention", "channels": 6}),
    "PANet luma": lambda: PANet(
        6, 2, planes=1, aggregator={"type": "PyramidAttention", "channels": 6}
    ),
    "PANet without attention": lambda: PANet(6, 2),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [(9, 13), (12, 10), (7, 7)])
def test_any_size_trains_every_part(name, size):
    torch.manual_seed(0)
    network: Network = NETWORKS[name]()
    planes, scale = network.spec.channels[0], network.spec.scale
    lq = torch.rand(2, planes, *size)
    sr = network(lq)
    assert sr.shape == (2, planes, scale * size[0], scale * size[1])
    sr.square().mean().backward()
    for part, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, part
            assert parameter.grad.isfinite().all(), part
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(lq[1:]), sr[1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_smallest_size(name):
    network = NETWORKS[name]().eval()
    least, planes = network.spec.min_size, network.spec.channels[0]
    with torch.no_grad():
        assert network(torch.rand(1, planes, least, least)).isfinite().all()
    if least > 1:
        with pytest.raises(ValueError, match=f"1x9 image is too small .* least {least}x{least}"):
            network(torch.rand(1, planes, 1, 9))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "CSNLN", "scale": 5}, "knows the scales 2, 3 and 4, got 5"),
        ({"type": "CSNLN", "scale": 2, "depth": 0}, "depth=0 must be at least 1"),
        ({"type": "CSNLN", "scale": 2, "fusion": "mean"}, "fusion='mean' must be one of"),
        (
            {"type": "CSNLN", "scale": 2, "fusion": "sum", "cross_scale": False},
            "joins two attentions",
        ),
        ({"type": "CSNLN", "scale": 2, "channels": 8, "reduction": 9}, "reduction=9 must lie in"),
        ({"type": "PANet", "planes": 2, "colour": "rgb"}, "do not fit colour='rgb'"),
        (
            {"type": "PANet", "aggregator": {"type": "CrossScaleAttention", "channels": 64}},
            "PANet keeps the picture's size",
        ),
    ],
)
def test_what_cannot_be_is_named(config, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(config)
