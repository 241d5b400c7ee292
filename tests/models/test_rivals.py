"""The rivals compute what their released codes compute, and have as many parameters."""

import pytest
import torch

from ignn_toolbox.models.backbones.oisr import BLOCKS
from ignn_toolbox.models.foreign import DEFAULTS, Options
from ignn_toolbox.models.spec import Outputs
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo.importers import import_checkpoint

from .golden import Golden, imported, in_its_range, largest_error

# kind of checkpoint, golden case, what the tensors do not tell
CASES = [
    ("pytorch-vdsr", "vdsr/vdsr", Options(scale=1)),
    ("pytorch-LapSRN", "lapsrn/lapsrn_x4", DEFAULTS),
    ("EDSR-PyTorch's RDN", "rdn/rdn_x2", DEFAULTS),
    ("EDSR-PyTorch's RDN", "rdn/rdn_x4", DEFAULTS),
    ("SRFBN's authors", "srfbn/srfbn_x2", Options(steps=3)),
    ("SRFBN's authors", "srfbn/srfbn_x3_grad", Options(steps=2)),
    ("SRFBN's authors", "srfbn/srfbn_x4", Options(steps=3)),
    ("DBPN's authors", "dbpn/dbpn_x2", DEFAULTS),
    ("DBPN's authors", "dbpn/dbpn_x2_grad", DEFAULTS),
    ("DBPN's authors", "dbpn/dbpn_x4", DEFAULTS),
    ("OISR's authors", "oisr/oisr_rk3_x2", DEFAULTS),
    ("OISR's authors", "oisr/oisr_rk3_x3", DEFAULTS),
    ("the MemNet port's", "memnet/memnet", Options(scale=1)),
]
PARAMETERS = [
    ({"type": "VDSR", "scale": 3}, 664_704),
    ({"type": "VDSR", "scale": 3, "bias": True}, 665_921),
    ({"type": "VDSR", "scale": 2, "channels": 48, "num_blocks": 8}, 166_752),
    ({"type": "LapSRN", "scale": 4}, 870_112),
    ({"type": "LapSRN", "scale": 4, "channels": 32, "depth": 5}, 125_824),
    ({"type": "SMFANet", "scale": 2}, 185_628),
    ({"type": "SMFANet", "scale": 3}, 190_503),
    ({"type": "SMFANet", "scale": 4}, 197_328),
    ({"type": "DnCNN"}, 556_097),
    ({"type": "RDN", "scale": 2}, 22_123_395),
    ({"type": "RDN", "scale": 3}, 22_308_035),
    ({"type": "RDN", "scale": 4}, 22_271_107),
    ({"type": "RDN", "scale": 2, "growth": 32, "num_blocks": 20, "depth": 6}, 5_541_795),
    ({"type": "SRFBN", "scale": 2}, 2_140_534),
    ({"type": "SRFBN", "scale": 3}, 2_832_758),
    ({"type": "SRFBN", "scale": 4}, 3_631_478),
    ({"type": "SRFBN", "scale": 2, "channels": 32, "num_groups": 3}, 282_442),
    ({"type": "SRFBN", "scale": 3, "channels": 32, "num_groups": 3}, 375_626),
    ({"type": "SRFBN", "scale": 4, "channels": 32, "num_groups": 3}, 483_146),
    ({"type": "DBPN", "scale": 2}, 5_953_526),
    ({"type": "DBPN", "scale": 4}, 10_426_358),
    ({"type": "DBPN", "scale": 8}, 23_205_878),
    ({"type": "OISR", "scale": 2}, 41_926_793),
    ({"type": "OISR", "scale": 3}, 44_877_193),
    ({"type": "OISR", "scale": 4}, 44_287_113),
    ({"type": "OISR", "scale": 2, "scheme": "lf", "channels": 64, "num_blocks": 8}, 1_371_963),
    ({"type": "OISR", "scale": 3, "scheme": "lf", "channels": 64, "num_blocks": 8}, 1_556_603),
    ({"type": "OISR", "scale": 4, "scheme": "lf", "channels": 64, "num_blocks": 8}, 1_519_675),
    ({"type": "OISR", "scale": 2, "scheme": "rk2", "channels": 64, "num_blocks": 8}, 1_371_939),
    ({"type": "OISR", "scale": 2, "scheme": "lf", "channels": 122, "num_blocks": 8}, 4_971_559),
    ({"type": "MemNet", "scale": 2}, 2_910_537),
]


@pytest.mark.parametrize(("config", "count"), PARAMETERS)
def test_parameters(config, count):
    with torch.device("meta"):
        network = MODELS.build(config)
    assert sum(p.numel() for p in network.parameters()) == count


def made(network, x):
    """All outputs of a network, smallest or first ones first."""
    out = network(x)
    return [*out.earlier, out.sr] if isinstance(out, Outputs) else [out]


@pytest.mark.parametrize(("kind", "name", "options"), CASES, ids=[case[1] for case in CASES])
def test_numbers_of_the_released_code(kind, name, options, shared_dir, tmp_path):
    case = Golden(shared_dir / "golden" / f"{name}.npz")
    own, renamed = in_its_range(kind, case.state, options)
    expected = case.outputs("y64")
    if own.spec.outputs:  # batch statistics are those of evaluation, but all outputs are made
        own.training = True
    x = case["x"].double().requires_grad_()
    outputs = made(own, x)
    if len(expected) == 1 and expected[0].shape[1] > outputs[-1].shape[1]:
        expected = expected[0].chunk(len(outputs), 1)  # all outputs, joined
    found = outputs if len(expected) > 1 else outputs[-1:]
    for ours, theirs in zip(found, expected, strict=True):
        assert largest_error(ours.detach(), theirs) <= 1e-9
    gradients = case.gradients()
    if gradients:
        torch.cat(found, 1).backward(case["grad_out"].double())
        parameters = dict(own.named_parameters())
        for key, theirs in gradients.items():
            ours = x.grad if key == "x" else parameters[renamed[key]].grad
            assert largest_error(ours, theirs) <= 1e-5, key

    white = case.cfg.get("rgb_range", 255 if name.startswith("srfbn") else 1)
    network = imported(case.state, tmp_path, **options.told())
    x = case["x"] / white
    with torch.no_grad():
        single, double = network(x), network.double()(x.double())
    size = max(1.0, float(expected[-1].abs().max()) / white)
    assert (single - expected[-1] / white).abs().max() <= 1e-4 * size
    assert (double - expected[-1] / white).abs().max() <= 1e-6 * size


@pytest.mark.parametrize("scheme", BLOCKS)
def test_oisr_blocks_with_gradients(scheme, shared_dir):
    case = Golden(shared_dir / "golden" / "oisr" / f"oisr_{scheme}_block_grad.npz")
    block = BLOCKS[scheme](case.cfg["n_feats"]).double()
    block.load_state_dict({k: v.double() for k, v in case.state.items()})
    x = case["x"].double().requires_grad_()
    out = block(x)
    assert largest_error(out.detach(), case["y64"]) <= 1e-9
    out.backward(case["grad_out"].double())
    gradients = {"x": x.grad, **{k: p.grad for k, p in block.named_parameters()}}
    for key, theirs in case.gradients().items():
        assert largest_error(gradients[key], theirs) <= 1e-5, key


@pytest.mark.parametrize(("scale", "name"), [(2, "x2_1x24x40"), (4, "x4_1x19x33")])
def test_smfanet_with_its_published_weights(scale, name, shared_dir):
    case = Golden(shared_dir / "golden" / "smfanet" / f"{name}.npz")
    file = shared_dir / "weights" / "smfanet" / f"SMFANet_DIV2K_100w_x{scale}SR.pth"
    network = import_checkpoint(file).train()
    with torch.no_grad():
        assert (network(case["x"].float()) - case["y64"]).abs().max() <= 1e-5
    x = case["x"].requires_grad_()
    out = network.double()(x)
    assert largest_error(out.detach(), case["y64"]) <= 1e-9
    loss = out.abs().mean()
    loss.backward()
    assert abs(float(loss.detach() - case["loss"])) <= 1e-12
    assert largest_error(x.grad, case["grad_x"]) <= 1e-9
    renamed = type(network).foreign[0].renamed(case.gradients())
    parameters = dict(network.named_parameters())
    for key, theirs in case.gradients().items():
        assert largest_error(parameters[renamed[key]].grad, theirs) <= 1e-9, key


def test_lapsrn_starts_as_bilinear(shared_dir):
    kernel = Golden(shared_dir / "golden" / "lapsrn" / "lapsrn_bilinear_init.npz")["k4"]
    network = MODELS.build({"type": "LapSRN", "scale": 4, "channels": 3, "depth": 1})
    for layer in network.modules():
        if isinstance(layer, torch.nn.ConvTranspose2d):
            assert torch.equal(layer.weight, kernel.expand_as(layer.weight))


def test_charbonnier_is_lapsrns_but_for_the_mean(shared_dir):
    case = Golden(shared_dir / "golden" / "lapsrn" / "lapsrn_charbonnier.npz")
    loss = MODELS.build({"type": "CharbonnierLoss", "eps": 1e-3})
    pixels = case["pred"].numel()
    torch.testing.assert_close(pixels * loss(case["pred"], case["target"]), case["loss"])


def test_a_vdsr_must_be_told_its_scale(shared_dir, tmp_path):
    state = Golden(shared_dir / "golden" / "vdsr" / "vdsr.npz").state
    with pytest.raises(ValueError, match="say scale=2, 3 or 4"):
        imported(state, tmp_path)
    assert imported(state, tmp_path, scale=3).spec.scale == 3


def test_lapsrn_gives_its_first_level_alone(shared_dir, tmp_path):
    case = Golden(shared_dir / "golden" / "lapsrn" / "lapsrn_x4.npz")
    with torch.no_grad():
        half = imported(case.state, tmp_path, scale=2)(case["x"])
    assert largest_error(half, case["y64_0"]) <= 1e-5
    with pytest.raises(ValueError, match=r"2 levels, up to x4; got scale=3"):
        imported(case.state, tmp_path, scale=3)


def test_a_network_of_grey_takes_grey_pictures_of_three_planes():
    torch.manual_seed(0)
    restorer = MODELS.build(
        {
            "type": "Restorer",
            "network": {"type": "DnCNN", "channels": 4, "num_layers": 3},
            "loss": {"type": "L1Loss"},
        }
    ).eval()
    plane = torch.rand(1, 1, 9, 8)
    (sample,) = restorer.predict(plane.expand(-1, 3, -1, -1))
    expected = restorer.network(plane).clamp(0, 1)[0].expand(3, -1, -1)
    torch.testing.assert_close(sample.pred_img, expected)
    with pytest.raises(ValueError, match="coloured picture does not fit a network for grey"):
        restorer.predict(torch.rand(1, 3, 9, 8))
