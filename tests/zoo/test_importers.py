"""Imported networks compute what the code that wrote their checkpoints computes."""

import json

import numpy as np
import pytest
import torch

from ignn_toolbox.models import Given, GraphAgg, SelfEnsemble
from ignn_toolbox.zoo import importers
from ignn_toolbox.zoo.importers import import_checkpoint
from ignn_toolbox.zoo.loading import init_model

OUTPUT_TOLERANCE = 1e-4  # on 0..255
GRADIENT_TOLERANCE = 2e-3  # relative to the tensor's largest

# Carried by the repository; all others come from the folder of shared data.
CARRIED = {"x2_24x24_w30_train", "x3_31x45_w4_eval", "x4_24x24_w30_eval", "x2_26x30_w30_x8"}
IGNN_CASES = [
    *sorted(CARRIED),
    "x2_16x20_full_dense",
    "x2_31x45_w4_eval",
    "x2_31x45_w4_noadapn",
    "x3_50x38_w30_eval",
    "x4_37x41_w6_k3_b2_train",
]


class Case:
    """One golden file: its numbers, and the checkpoint that the original would have written."""

    def __init__(self, path, folder):
        self.arrays = np.load(path)
        key = "meta" if "meta" in self.arrays else "cfg"
        self.meta = json.loads(str(self.arrays[key]))
        self.state = {
            name[2:]: torch.from_numpy(self.arrays[name])
            for name in self.arrays
            if name.startswith("w/")
        }
        self.folder = folder

    def tensor(self, name):
        return torch.from_numpy(self.arrays[name]).float()

    def ignn_file(self):
        state = {f"module.{name}": value for name, value in self.state.items()}
        for name in list(state):
            if name.startswith("module.vggnet."):
                state[name.replace("vggnet", "graph.embedcnn")] = state[name]
        path = self.folder / "IGNN.pth"
        torch.save({"net_state_dict": state, "epoch_idx": 3, "best_PSNR": 37.5}, path)
        return path

    def ignn(self):
        return import_checkpoint(
            self.ignn_file(),
            window=self.meta["window"],
            num_neighbors=self.meta["k"],
            adapn=self.meta.get("adain", True),
        )


def ignn_case(name, golden_dir, request, tmp_path):
    carried = golden_dir / "ignn" / f"{name}.npz"
    if carried.is_file():
        return Case(carried, tmp_path)
    shared_dir = request.getfixturevalue("shared_dir")
    return Case(shared_dir / "golden" / "ignn" / f"{name}.npz", tmp_path)


@pytest.mark.parametrize("name", IGNN_CASES)
def test_ignn_equals_the_authors_code(name, golden_dir, request, tmp_path):
    case = ignn_case(name, golden_dir, request, tmp_path)
    net = case.ignn().train(bool(case.meta.get("train")))
    lq, lq_down = case.tensor("x") / 255, case.tensor("x_son") / 255
    if case.meta["mode"] == "x8":
        with torch.no_grad():
            out = SelfEnsemble(net)(lq, Given(lq_down))
    else:
        out = net(lq.requires_grad_(), Given(lq_down))
        graph = net.aggregator.build_graph(lq.detach(), lq_down)
        index = graph.index.flatten(1, 2).numpy()
        np.testing.assert_array_equal(index, case.arrays["idx_k"])
    error = (out.detach() * 255 - case.tensor("out")).abs().max().item()
    print(f"{name}: largest error {error:.1e} of 255")
    assert error <= OUTPUT_TOLERANCE
    if "loss" in case.arrays:
        _check_gradients(case, net, lq, out)


def _check_gradients(case, net, lq, out):
    wanted = torch.nn.functional.interpolate(case.tensor("x"), scale_factor=case.meta["scale"])
    (out * 255 - wanted).abs().mean().backward()
    parameters = dict(net.named_parameters())
    (record,) = GraphAgg.foreign
    renamed = record.renamed(case.state)
    for key in case.arrays:
        if not key.startswith("grad/"):
            continue
        theirs = case.tensor(key)
        if key == "grad/x":
            ours = lq.grad / 255
        else:
            name = renamed[key[5:]]
            factor = {"stem.weight": 255, "output.weight": 1 / 255}.get(name, 1)
            ours = parameters[name].grad * factor
        error = (ours - theirs).abs().max() / theirs.abs().max()
        assert error <= GRADIENT_TOLERANCE, (key, error)


@pytest.mark.parametrize("name", ["edsr_x2", "edsr_x4"])
def test_edsr_equals_edsr_pytorch(name, golden_dir, request, tmp_path):
    path = golden_dir / "edsr" / f"{name}.npz"
    if not path.is_file():
        path = request.getfixturevalue("shared_dir") / "golden" / "edsr" / f"{name}.npz"
    case = Case(path, tmp_path)
    torch.save(case.state, tmp_path / "edsr.pt")
    net = import_checkpoint(tmp_path / "edsr.pt", res_scale=case.meta["res_scale"])
    with torch.no_grad():
        single = net(case.tensor("x") / 255) * 255
        double = net.double()(case.tensor("x").double() / 255) * 255
    # Outputs reach 529, where the original's own single precision is off by 2.3e-4.
    assert (double - torch.from_numpy(case.arrays["y64"])).abs().max() <= OUTPUT_TOLERANCE
    assert (single - case.tensor("y")).abs().max() <= 5e-4


def edsr_pytorch_state(channels, num_blocks, scale):
    """A state dict as EDSR-PyTorch would write it, in its order, of zeros."""
    layers = {"head.0": (channels, 3)}
    for index in range(num_blocks):
        layers |= {f"body.{index}.body.{part}": (channels, channels) for part in (0, 2)}
    layers[f"body.{num_blocks}"] = (channels, channels)
    for stage, factor in enumerate([2, 2] if scale == 4 else [scale]):
        layers[f"tail.0.{2 * stage}"] = (channels * factor**2, channels)
    layers["tail.1"] = (3, channels)
    state = {f"{name}.weight": torch.zeros(*shape, 3, 3) for name, shape in layers.items()}
    state |= {f"{name}.bias": torch.zeros(shape[0]) for name, shape in layers.items()}
    means = {"sub_mean": -0.5, "add_mean": 0.5}
    state |= {f"{name}.weight": torch.eye(3).view(3, 3, 1, 1) for name in means}
    state |= {f"{name}.bias": torch.full((3,), 255 * value) for name, value in means.items()}
    return state


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("channels", "num_blocks"), [(8, 3), (64, 16)])
def test_edsr_hyper_parameters_come_from_the_tensors(scale, channels, num_blocks, tmp_path):
    torch.save(edsr_pytorch_state(channels, num_blocks, scale), tmp_path / "edsr.pt")
    imported = importers.read_foreign(tmp_path / "edsr.pt")
    assert imported.network == {
        "type": "EDSR",
        "scale": scale,
        "channels": channels,
        "num_blocks": num_blocks,
        "res_scale": 1.0,
    }
    grey = imported.build()(torch.zeros(1, 3, 4, 5))
    torch.testing.assert_close(grey, torch.full((1, 3, 4 * scale, 5 * scale), 0.5))


def test_res_scale_follows_the_width_unless_given(tmp_path):
    torch.save(edsr_pytorch_state(256, 1, 2), tmp_path / "edsr.pt")
    assert importers.read_foreign(tmp_path / "edsr.pt").network["res_scale"] == 0.1
    assert import_checkpoint(tmp_path / "edsr.pt", res_scale=0.3).blocks[0].res_scale == 0.3


def test_file_without_means_takes_those_of_div2k(tmp_path):
    state = {k: v for k, v in edsr_pytorch_state(8, 2, 2).items() if "_mean" not in k}
    torch.save(state, tmp_path / "edsr.pt")
    grey = import_checkpoint(tmp_path / "edsr.pt")(torch.zeros(1, 3, 4, 4))
    torch.testing.assert_close(grey[0, :, 0, 0], torch.tensor([0.4488, 0.4371, 0.4040]))


def test_import_command_writes_a_model_that_loads_by_path(cli, golden_dir, tmp_path):
    case = Case(golden_dir / "ignn" / "x2_24x24_w30_train.npz", tmp_path)
    target = tmp_path / "new" / "ignn_x2.pth"
    status, out, _ = cli("import", case.ignn_file(), "-o", target)
    assert status == 0
    assert "EDSR x2 (channels=16, num_blocks=4, " in out
    lq = case.tensor("x") / 255
    with torch.no_grad():
        ours, theirs = init_model(target).network(lq), case.ignn()(lq)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    content = torch.load(target, weights_only=True)
    assert content["meta"]["scale"] == 2
    status, _, err = cli("import", case.ignn_file(), "-o", target)
    assert status == 1
    assert "exists" in err
    status, _, err = cli("import", target, "-o", tmp_path / "again.pth")
    assert status == 1
    assert "checkpoint of this toolbox already" in err


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: {"a": torch.zeros(1)}, "no known kind. Looked for .*IGNN's authors"),
        (lambda s: {k: v for k, v in s.items() if "tail" not in k}, "nearest is EDSR-PyTorch"),
        (lambda s: s | {"extra.weight": torch.zeros(1)}, "left over extra.weight"),
        (
            lambda s: {k: v for k, v in s.items() if k != "tail.1.bias"},
            "missing output.bias",
        ),
        (lambda s: s | {"body.1.body.0.weight": torch.zeros(8, 9, 3, 3)}, r"blocks.1.conv1.weight"),
    ],
)
def test_unknown_and_unfit_files_are_explained(spoil, message, tmp_path):
    torch.save(spoil(edsr_pytorch_state(8, 2, 2)), tmp_path / "edsr.pt")
    with pytest.raises(ValueError, match=message):
        import_checkpoint(tmp_path / "edsr.pt")


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.pt"):
        import_checkpoint(tmp_path / "none.pt")
    (tmp_path / "half.pt").write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(ValueError, match=r"half\.pt"):
        import_checkpoint(tmp_path / "half.pt")


def test_an_option_that_means_nothing_to_a_file_is_refused(tmp_path):
    torch.save(edsr_pytorch_state(8, 2, 2), tmp_path / "edsr.pt")
    with pytest.raises(ValueError, match="steps means nothing to EDSR-PyTorch checkpoints"):
        import_checkpoint(tmp_path / "edsr.pt", steps=3)
