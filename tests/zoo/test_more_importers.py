"""RCAN of its authors, and EDSR and RCAN of BasicSR and MMagic, become networks of ours."""

import json

import numpy as np
import pytest
import torch

from ignn_toolbox.models import EDSR, RCAN
from ignn_toolbox.zoo.importers import import_checkpoint, read_foreign

DIV2K_MEAN = torch.tensor([0.4488, 0.4371, 0.4040]).view(3, 1, 1)


@pytest.fixture
def rcan_golden(shared_dir):
    return np.load(shared_dir / "golden" / "rcan" / "rcan_x2.npz")


def _weights(arrays):
    return {k[2:]: torch.from_numpy(arrays[k]) for k in arrays.files if k.startswith("w/")}


def _check_golden(net, arrays):
    x = torch.from_numpy(arrays["x"])
    with torch.no_grad():
        single = net(x / 255) * 255
        double = net.double()(x.double() / 255) * 255
    assert (double - torch.from_numpy(arrays["y64"])).abs().max() <= 1e-4
    assert (single - torch.from_numpy(arrays["y"])).abs().max() <= 5e-4


def test_rcan_equals_its_authors_code(rcan_golden, tmp_path):
    torch.save(_weights(rcan_golden), tmp_path / "rcan.pt")
    imported = read_foreign(tmp_path / "rcan.pt")
    cfg = json.loads(str(rcan_golden["cfg"]))
    assert imported.network == {
        "type": "RCAN",
        "scale": cfg["scale"],
        "channels": cfg["n_feats"],
        "num_groups": cfg["n_resgroups"],
        "num_blocks": cfg["n_resblocks"],
        "reduction": cfg["reduction"],
    }
    _check_golden(imported.build(), rcan_golden)


def _basicsr_rcan(state):
    """The authors' tensors under BasicSR's names; the mean is not stored there."""
    parts = {"0": "0", "2": "2", "3.conv_du.0": "3.attention.1", "3.conv_du.2": "3.attention.3"}
    fixed = {"head.0": "conv_first", "body.2": "conv_after_body", "tail.0.0": "upsample.0"}
    fixed["tail.1"] = "conv_last"
    renamed = {}
    for name, value in state.items():
        layer, _, kind = name.rpartition(".")
        words = layer.split(".")
        if layer in fixed:
            new = fixed[layer]
        elif len(words) == 4:  # body.g.body.n: the group's last convolution
            new = f"body.{words[1]}.conv"
        elif words[0] == "body":
            part = parts[".".join(words[5:])]
            new = f"body.{words[1]}.residual_group.{words[3]}.rcab.{part}"
        else:
            continue
        renamed[f"{new}.{kind}"] = value
    return renamed


@pytest.mark.parametrize("wrapper", ["params", "params_ema"])
def test_rcan_of_basicsr_gives_the_same_numbers(wrapper, rcan_golden, tmp_path):
    torch.save({wrapper: _basicsr_rcan(_weights(rcan_golden))}, tmp_path / "rcan.pth")
    imported = read_foreign(tmp_path / "rcan.pth")
    assert imported.kind == "BasicSR's RCAN"
    _check_golden(imported.build(), rcan_golden)


def _reference(state, x, stages, num_blocks, res_scale):
    """EDSR after the mean is subtracted and before it is added, in plain functions."""

    def conv(name, value):
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return torch.nn.functional.conv2d(value, weight, bias, padding=1)

    head = conv("conv_first", x)
    y = head
    for i in range(num_blocks):
        y = y + res_scale * conv(f"body.{i}.conv2", conv(f"body.{i}.conv1", y).relu())
    y = conv("conv_after_body", y) + head
    for stage in stages:
        factor = round((state[f"{stage}.weight"].shape[0] / y.shape[1]) ** 0.5)
        y = torch.nn.functional.pixel_shuffle(conv(stage, y), factor)
    return conv("conv_last", y)


def _edsr_state(stages, scale, channels=8, num_blocks=3):
    torch.manual_seed(0)
    shapes = {"conv_first": (channels, 3), "conv_after_body": (channels, channels)}
    shapes["conv_last"] = (3, channels)
    for i in range(num_blocks):
        shapes |= {f"body.{i}.conv{part}": (channels, channels) for part in (1, 2)}
    for stage in stages:
        shapes[stage] = (channels * (4 if len(stages) == 2 else scale**2), channels)
    state = {f"{k}.weight": 0.1 * torch.randn(*shape, 3, 3) for k, shape in shapes.items()}
    return state | {f"{k}.bias": 0.1 * torch.randn(shape[0]) for k, shape in shapes.items()}


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("kind", ["BasicSR's EDSR", "MMagic's EDSR"])
def test_edsr_of_basicsr_and_mmagic(kind, scale, tmp_path):
    count = 2 if scale == 4 else 1
    if kind.startswith("BasicSR"):
        img_range = 255
        stages = [f"upsample.{2 * i}" for i in range(count)]
        state = _edsr_state(stages, scale)
        content = {"params": state}
    else:
        img_range = 1
        stages = [f"upsample.{i}.upsample_conv" for i in range(count)]
        state = _edsr_state(stages, scale)
        content = {"state_dict": {f"generator.{k}": v for k, v in state.items()}}
        content["state_dict"]["step_counter"] = torch.zeros(1)
    torch.save(content, tmp_path / "edsr.pth")
    imported = read_foreign(tmp_path / "edsr.pth")
    assert imported.kind == kind
    assert imported.network == {
        "type": "EDSR",
        "scale": scale,
        "channels": 8,
        "num_blocks": 3,
        "res_scale": 1.0,
    }
    x = torch.rand(2, 3, 7, 6)
    inside = _reference(state, (x - DIV2K_MEAN) * img_range, stages, 3, 1.0)
    with torch.no_grad():
        ours = imported.build()(x)
    torch.testing.assert_close(ours, inside / img_range + DIV2K_MEAN, rtol=1e-4, atol=1e-4)


def test_what_is_missing_from_a_known_kind_is_named(rcan_golden, tmp_path):
    state = {k: v for k, v in _weights(rcan_golden).items() if k != "body.1.body.2.bias"}
    torch.save(state, tmp_path / "rcan.pt")
    with pytest.raises(ValueError, match=r"missing blocks\.1\.conv\.bias"):
        import_checkpoint(tmp_path / "rcan.pt")


def test_networks_are_of_the_registered_kinds(rcan_golden, tmp_path):
    torch.save(_weights(rcan_golden), tmp_path / "rcan.pt")
    assert isinstance(import_checkpoint(tmp_path / "rcan.pt"), RCAN)
    torch.save({"params": _edsr_state(["upsample.0"], 2)}, tmp_path / "edsr.pth")
    assert isinstance(import_checkpoint(tmp_path / "edsr.pth"), EDSR)


def test_rcan_with_another_res_scale_is_refused(rcan_golden, tmp_path):
    torch.save({"params": _basicsr_rcan(_weights(rcan_golden))}, tmp_path / "rcan.pth")
    with pytest.raises(ValueError, match="res_scale=0.1 cannot be imported"):
        import_checkpoint(tmp_path / "rcan.pth", res_scale=0.1)


@pytest.mark.parametrize("kind", ["BasicSR's EDSR", "MMagic's EDSR", "BasicSR's RCAN"])
def test_nearest_kind_of_a_file_that_lacks_a_layer_is_named(kind, rcan_golden, tmp_path):
    stage = "upsample.0.upsample_conv" if kind.startswith("MMagic") else "upsample.0"
    state = _edsr_state([stage], 2)
    if kind.endswith("RCAN"):
        state = _basicsr_rcan(_weights(rcan_golden))
    broken = {k: v for k, v in state.items() if not k.startswith("conv_after_body")}
    torch.save({"params": broken}, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=f"no known kind.*nearest is {kind}"):
        import_checkpoint(tmp_path / "net.pth")
