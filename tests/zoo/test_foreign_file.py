"""Networks are found in foreign files whatever their tensors are wrapped in."""

import itertools

import pytest
import torch

from ignn_toolbox.apis import import_checkpoint, init_model
from ignn_toolbox.checkpoint import load_checkpoint, save_checkpoint
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo.importers import read_foreign
from ignn_toolbox.zoo.warm_start import warm_start

NAMES = {
    "stem": "conv_first",
    "blocks.0.conv1": "body.0.conv1",
    "blocks.0.conv2": "body.0.conv2",
    "body_end": "conv_after_body",
    "upsampler.0.conv": "upsample.0",
    "output": "conv_last",
}
PREFIXES = ("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module.")
WRAPPERS = (
    ("params",),
    ("params_ema",),
    ("state_dict",),
    ("model_state_dict",),
    ("net_g",),
    ("model",),
    ("ema",),
    ("weights",),
    ("checkpoint", "state_dict"),
    ("a", "b", "c"),
)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """An EDSR as BasicSR names it."""
    torch.manual_seed(0)
    network = MODELS.build({"type": "EDSR", "scale": 2, "channels": 8, "num_blocks": 1})
    own = network.state_dict()
    kinds = ("weight", "bias")
    return {f"{NAMES[n]}.{kind}": own[f"{n}.{kind}"] for n in NAMES for kind in kinds}


def same(path, state: dict[str, torch.Tensor]) -> bool:
    return torch.equal(import_checkpoint(path).stem.bias, state["conv_first.bias"])


@pytest.mark.parametrize("prefix", ["", *PREFIXES, "generator.", "module.generator.", "net_g."])
@pytest.mark.parametrize("wrapper", [(), *WRAPPERS], ids=".".join)
def test_any_wrapper_with_any_prefix(state, tmp_path, prefix, wrapper) -> None:
    content = {f"{prefix}{name}": value for name, value in state.items()}
    for key in reversed(wrapper):
        content = {key: content, "epoch": 3, "optimizer": {"state": {0: {"step": torch.ones(1)}}}}
    torch.save(content, tmp_path / "x.pth")
    assert same(tmp_path / "x.pth", state)


@pytest.mark.parametrize("empty", [{}, None, [], {"a": {}}, {"lr": 0.1}])
@pytest.mark.parametrize("wrapper", ["params_ema", "ema", "state_dict", "params"])
def test_what_is_empty_hides_nothing(state, tmp_path, wrapper, empty) -> None:
    if wrapper == "state_dict" and not isinstance(empty, dict):
        empty = {}
    torch.save({wrapper: empty, "net_g": state}, tmp_path / "x.pth")
    assert same(tmp_path / "x.pth", state)


def test_an_average_of_the_weights_is_preferred(state, tmp_path) -> None:
    other = {name: value + 1 for name, value in state.items()}
    for first, second in itertools.permutations(["params", "params_ema"]):
        both = {first: other, second: other, "params_ema": state}
        torch.save(both, tmp_path / "x.pth")
        assert same(tmp_path / "x.pth", state)


def test_a_network_beside_another_is_found(state, tmp_path) -> None:
    content = {f"generator.{name}": value for name, value in state.items()}
    content |= {f"discriminator.{n}.weight": torch.zeros(3, 3) for n in range(40)}
    content["step_counter"] = torch.zeros(1)
    torch.save({"state_dict": content, "meta": None}, tmp_path / "x.pth")
    assert same(tmp_path / "x.pth", state)


def test_an_error_names_place_and_prefix(state, tmp_path) -> None:
    content = {f"module.{n}": v for n, v in state.items() if not n.startswith("upsample")}
    torch.save({"net_g": content}, tmp_path / "x.pth")
    message = r"found in its `net_g` \(without the prefix `module\.`\) conv_first.*BasicSR"
    with pytest.raises(ValueError, match=message):
        read_foreign(tmp_path / "x.pth")


def test_a_tensor_with_and_without_prefix_is_an_error(state, tmp_path) -> None:
    torch.save(state | {"module.conv_first.bias": torch.zeros(8)}, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="conv_first.bias twice"):
        read_foreign(tmp_path / "x.pth")


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"a": {"b": {"c": {"d": {"e": {}}}}}},
        {"state_dict": {}},
        {"x": 1},
        {1: torch.zeros(1)},
        {"\x1b[2J": torch.zeros(1)},
    ],
)
def test_a_file_without_a_network_is_named(tmp_path, content) -> None:
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x\.pth is of no known kind") as error:
        read_foreign(tmp_path / "x.pth")
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "shape", [(), (0,), (8,), (8, 0, 3, 3), (0, 3, 3, 3), (10**6, 0, 3, 3), (8, 3, 3)], ids=str
)
@pytest.mark.parametrize("name", ["conv_first.weight", "upsample.0.weight", "body.0.conv1.weight"])
def test_shapes_that_no_network_has_are_refused(state, tmp_path, name, shape) -> None:
    torch.save({"params": state | {name: torch.zeros(shape)}}, tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x\.pth|BasicSR"):
        import_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_own_files_may_have_them_too(tiny_checkpoint, tmp_path, prefix) -> None:
    content = load_checkpoint(tiny_checkpoint)
    weights = content["state_dict"]
    content["state_dict"] = {f"{prefix}{name}": value for name, value in weights.items()}
    save_checkpoint(content, tmp_path / "x.pth")
    restorer = init_model(tmp_path / "x.pth")
    assert torch.equal(restorer.network.stem.weight, weights["network.stem.weight"])
    assert warm_start(init_model(tiny_checkpoint), tmp_path / "x.pth").fresh == []
    content["state_dict"] = {
        name.replace("network.", "network._orig_mod.", 1): value for name, value in weights.items()
    }
    save_checkpoint(content, tmp_path / "x.pth")
    assert init_model(tmp_path / "x.pth").scale == 2
