"""Names lead to what ships, from anywhere; wrong names lead to the nearest right ones."""

import hashlib
import shutil

import pytest
import torch
import yaml

from ignn_toolbox.apis import init_model, list_models
from ignn_toolbox.zoo import bundled_configs, checkpoints_dir, configs_dir, index, resolve
from ignn_toolbox.zoo.card import model_card
from ignn_toolbox.zoo.index import find_config, zoo_models


@pytest.fixture
def small_zoo(tmp_path, monkeypatch, tiny_checkpoint):
    """A zoo of one model, `toy_x2`, in place of the shipped one."""
    configs = tmp_path / "configs"
    (configs / "_base_").mkdir(parents=True)
    (configs / "toy").mkdir()
    config = torch.load(tiny_checkpoint, weights_only=True)["meta"]["config"]
    (configs / "toy" / "toy-tiny_x2c8b2.py").write_text(f"model = {config!r}\n")
    shutil.copy(tiny_checkpoint, tmp_path / "toy_x2.pth")
    entry = dict(
        Name="toy-tiny_x2c8b2",
        Alias="toy_x2",
        Config="toy/toy-tiny_x2c8b2.py",
        Weights="toy_x2.pth",
        SHA256=hashlib.sha256(tiny_checkpoint.read_bytes()).hexdigest(),
        Scale=2,
        Parameters=9_000,
        Results=[dict(Dataset="Set5", Protocol="y-float", PSNR=31.234, SSIM=0.91234)],
    )
    (configs / "toy" / "metafile.yml").write_text(yaml.safe_dump({"Models": [entry]}))
    monkeypatch.setattr(index, "configs_dir", lambda: configs)
    monkeypatch.setattr(index, "checkpoints_dir", lambda: tmp_path)
    return tmp_path


def test_zoo_name_gives_config_and_weights(small_zoo, tiny_checkpoint):
    assert list_models() == ["toy_x2"]
    assert list_models("ignn*") == []
    config, weights = resolve("toy_x2")
    assert (config.name, weights.name) == ("toy-tiny_x2c8b2.py", "toy_x2.pth")
    restorer = init_model("toy_x2")
    assert not restorer.training
    shipped = torch.load(tiny_checkpoint, weights_only=True)["state_dict"]
    for name, value in restorer.state_dict().items():
        torch.testing.assert_close(value, shipped[name], rtol=0, atol=0)


def test_config_name_and_path_give_no_weights(small_zoo):
    config = small_zoo / "configs" / "toy" / "toy-tiny_x2c8b2.py"
    names = ("toy-tiny_x2c8b2", "toy-tiny_x2c8b2.py", "toy/toy-tiny_x2c8b2", config, str(config))
    for name in names:
        assert resolve(name) == (config, None)


def test_damaged_or_missing_weights_are_noticed(small_zoo):
    weights = small_zoo / "toy_x2.pth"
    weights.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(ValueError, match=r"toy_x2\.pth has SHA-256 .* its metafile says"):
        init_model("toy_x2")
    weights.unlink()
    with pytest.raises(FileNotFoundError, match=r"the checkpoint of toy_x2, is missing"):
        init_model("toy_x2")


def test_weights_by_url_are_loaded_when_they_are_needed(small_zoo, cli, monkeypatch):
    metafile = small_zoo / "configs" / "toy" / "metafile.yml"
    content = yaml.safe_load(metafile.read_text())
    nowhere = (small_zoo / "nowhere" / "toy_x2.pth").as_uri()
    content["Models"][0]["Weights"] = [nowhere, (small_zoo / "toy_x2.pth").as_uri()]
    metafile.write_text(yaml.safe_dump(content))
    monkeypatch.setenv("IGNN_CACHE", str(small_zoo / "cache"))
    assert find_config("toy_x2").stem == "toy-tiny_x2c8b2"
    assert not (small_zoo / "cache").exists()
    status, out, _ = cli("models", "--download")
    assert status == 0
    assert f"toy_x2: {small_zoo / 'cache' / 'checkpoints' / 'toy_x2.pth'}" in out
    (small_zoo / "toy_x2.pth").unlink()
    assert init_model("toy_x2").scale == 2
    (small_zoo / "cache" / "checkpoints" / "toy_x2.pth").unlink()
    with pytest.raises(OSError, match="Without a network, put the file"):
        resolve("toy_x2")


def test_wrong_names_are_answered_with_the_nearest(small_zoo):
    with pytest.raises(FileNotFoundError, match=r"no model or config `toi_x2`; nearest: toy_x2"):
        resolve("toi_x2")
    with pytest.raises(FileNotFoundError, match="nearest: toy-tiny_x2c8b2"):
        resolve("configs/toy/toy-tiny_x2c8b3.py")
    with pytest.raises(FileNotFoundError, match="ignn models --configs"):
        resolve("zzzzzzzz")


def test_models_command_lists_them(small_zoo, cli):
    status, out, _ = cli("models", "--configs")
    assert status == 0
    for text in ("toy_x2", "9,000", "31.23 / 0.9123", "toy/toy-tiny_x2c8b2"):
        assert text in out


def test_checkpoint_of_another_architecture_lists_what_does_not_fit(small_zoo):
    content = torch.load(small_zoo / "toy_x2.pth", weights_only=True)
    state = content["state_dict"]
    del state["network.stem.bias"]
    state["network.extra"] = torch.zeros(1)
    state["network.stem.weight"] = torch.zeros(4, 3, 3, 3)
    torch.save(content, small_zoo / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth does not fit") as error:
        init_model("toy_x2", small_zoo / "other.pth")
    for text in ("missing network.stem.bias", "left over network.extra", "(4, 3, 3, 3)"):
        assert text in str(error.value)
    del content["meta"]["config"]
    torch.save(content, small_zoo / "bare.pth")
    with pytest.raises(ValueError, match=r"bare\.pth does not say which model"):
        init_model(small_zoo / "bare.pth")


def test_every_shipped_model_is_what_its_metafile_says():
    for name, model in zoo_models().items():
        weights = model.verify()
        assert (weights is None) == (model.parameters == 0)
        restorer = init_model(name)
        assert restorer.scale == model.scale
        assert sum(p.numel() for p in restorer.network.parameters()) == model.parameters
        assert model.config.stem in bundled_configs()
        assert {row["Dataset"].split("_")[0] for row in model.results} & {"Set5", "Classic5"}
        if model.purpose != "super-resolution":
            assert {row["Protocol"] for row in model.results} <= {"rgb-full", "plane"}
        if weights is not None:
            assert weights.stat().st_size < 2 * 2**20
            assert model.training
            assert weights.with_suffix(".md").read_text() == model_card(model)
            meta = torch.load(weights, weights_only=True)["meta"]
            assert "init_cfg" not in str(meta), "where it started is a path of one machine"


def test_bundled_configs_have_names_of_their_own():
    files = [path for path in configs_dir().glob("*/*.py") if path.parent.name != "_base_"]
    assert sorted(bundled_configs()) == sorted(path.stem for path in files)
    assert checkpoints_dir().parent.name == "zoo"
