"""What is published is what was measured, without what training left around it."""

import hashlib

import pytest
import torch
import yaml

from ignn_toolbox.checkpoint import save_checkpoint
from ignn_toolbox.evaluation import Results, read_results, write_results
from ignn_toolbox.zoo import index
from ignn_toolbox.zoo import publish as publishing
from ignn_toolbox.zoo.card import model_card


@pytest.fixture
def checkout(tmp_path, monkeypatch, tiny_checkpoint):
    content = torch.load(tiny_checkpoint, weights_only=True)
    config = tmp_path / "configs" / "toy" / "toy-tiny_x2c8b2.py"
    config.parent.mkdir(parents=True)
    config.write_text(f"model = {content['meta']['config']!r}\n")
    (tmp_path / "ignn_toolbox" / "zoo").mkdir(parents=True)
    content["optimizer"] = {"state": torch.zeros(9)}
    content["meta"] |= {"iter": 70, "seed": 3, "training_config": {"data_root": "/home/me"}}
    torch.save(content, tmp_path / "best.pth")
    for module in (index, publishing):
        monkeypatch.setattr(module, "bundled_configs", lambda: {config.stem: config})
    monkeypatch.setattr(index, "configs_dir", lambda: tmp_path / "configs")
    monkeypatch.setattr(
        index, "checkpoints_dir", lambda: tmp_path / "ignn_toolbox" / "zoo" / "checkpoints"
    )
    digest = hashlib.sha256((tmp_path / "best.pth").read_bytes()).hexdigest()
    rows = [
        dict(dataset="Set5", image=name, height=64, width=64, protocol="y-float", psnr=p, ssim=0.9)
        for name, p in (("baby", 36.0), ("bird", 38.5))
    ]
    write_results(tmp_path / "results", Results("toy", 2, rows, info={"sha256": digest}))
    return tmp_path


def words(checkout):
    return [
        *("publish", checkout / "best.pth", "--name", "toy_x2", "--config", "toy-tiny_x2c8b2"),
        *("--results", checkout / "results", "--data", "noise", "--terms", "free"),
        *("--root", checkout),
    ]


def test_published_model_is_found_verified_and_bare(checkout, cli):
    status, out, err = cli(*words(checkout))
    assert status == 0, err
    assert "Set5 37.25/0.9000 y-float" in out
    (model,) = index.zoo_models().values()
    assert (model.name, model.scale) == ("toy_x2", 2)
    content = torch.load(model.verify(), weights_only=True)
    assert set(content) == {"meta", "state_dict"}
    assert "training_config" not in content["meta"]
    assert model.training == {
        "Data": "noise",
        "Terms": "free",
        "Command": "ignn train toy-tiny_x2c8b2 --data-root data",
        "Iterations": 70,
        "Seed": 3,
    }
    card = model.weights.with_suffix(".md").read_text()
    assert card == model_card(model)
    for text in (f"SHA-256 `{model.sha256}`", "data: noise", "terms: free", "37.25 | 0.9000"):
        assert text in card
    assert "/home/me" not in card + str(content["meta"])
    assert cli(*words(checkout))[0] == 0
    metafile = yaml.safe_load((checkout / "configs" / "toy" / "metafile.yml").read_text())
    assert [entry["Alias"] for entry in metafile["Models"]] == ["toy_x2"]


def test_a_model_to_be_downloaded_is_not_put_into_the_package(checkout, cli, monkeypatch):
    monkeypatch.setenv("IGNN_CACHE", str(checkout / "cache"))
    upload = checkout / "upload"
    urls = [(upload / "toy.pth").as_uri(), "file:///mirror/toy.pth"]
    status, _, err = cli(*words(checkout), "--url", *urls, "--upload-dir", upload)
    assert status == 0, err
    assert not (checkout / "ignn_toolbox" / "zoo" / "checkpoints").exists()
    (model,) = index.zoo_models().values()
    assert model.urls == tuple(urls)
    assert model.size == (upload / "toy.pth").stat().st_size
    assert (upload / "toy.md").read_text() == model_card(model)
    assert model.verify().read_bytes() == (upload / "toy.pth").read_bytes()


def test_safetensors_are_published_too(checkout, cli):
    pytest.importorskip("safetensors")
    content = torch.load(checkout / "best.pth", weights_only=True)
    path = checkout / "best.safetensors"
    save_checkpoint(content, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    results = read_results(checkout / "results")
    results.info["sha256"] = digest
    write_results(checkout / "results", results)
    given = [path if word == checkout / "best.pth" else word for word in words(checkout)]
    status, _, err = cli(*given)
    assert status == 0, err
    (model,) = index.zoo_models().values()
    published = torch.load(model.verify(), weights_only=True)["state_dict"]
    assert all(torch.equal(published[key], value) for key, value in content["state_dict"].items())


def test_results_of_another_file_are_refused(checkout, cli):
    content = torch.load(checkout / "best.pth", weights_only=True)
    content["meta"]["iter"] = 71
    torch.save(content, checkout / "best.pth")
    status, _, err = cli(*words(checkout))
    assert status == 1
    assert "measured with another file" in err
    assert not (checkout / "configs" / "toy" / "metafile.yml").exists()


def test_place_and_config_must_exist(checkout, cli, tmp_path):
    status, _, err = cli(*words(checkout)[:-1], tmp_path / "results")
    assert status == 1
    assert "no checkout" in err
    wrong = ["toy-tiny_x9" if word == "toy-tiny_x2c8b2" else word for word in words(checkout)]
    status, _, err = cli(*wrong)
    assert status == 1
    assert "no config toy-tiny_x9" in err
