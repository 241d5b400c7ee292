"""``ignn export``: weights as safetensors, and faults."""

import json

import pytest
import torch
from safetensors import safe_open

from ignn_toolbox.apis import init_model


def test_safetensors_load_as_the_model_itself(cli, tmp_path):
    path = tmp_path / "made" / "ignn.safetensors"
    status, out, err = cli("export", "ignn_tiny_x2", "--safetensors", path)
    assert status == 0, err
    assert f"wrote {path}" in out
    lq = torch.rand(1, 3, 20, 23)
    expected = init_model("ignn_tiny_x2").network(lq)
    for again in (init_model(path), init_model("ignn_tiny_x2", path)):
        assert torch.equal(again.network(lq), expected)
    with safe_open(path, "pt") as file:
        meta = json.loads(file.metadata()["meta"])
    assert meta["scale"] == 2
    assert "init_cfg" not in json.dumps(meta)


def test_a_config_goes_with_its_checkpoint(cli, tmp_path, tiny_checkpoint):
    saved = torch.load(tiny_checkpoint, weights_only=True)
    config = tmp_path / "tiny.py"
    config.write_text(f"model = {saved['meta']['config']!r}\n")
    path = tmp_path / "tiny.safetensors"
    status, _, err = cli("export", config, tiny_checkpoint, "--safetensors", path)
    assert status == 0, err
    for name, value in init_model(path).state_dict().items():
        assert torch.equal(value, saved["state_dict"][name])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ignn_tiny_x2", "--onnx", "a.bin"), "a.bin must end in .onnx"),
        (("ignn_tiny_x2", "--safetensors", "there.safetensors"), "exists; use --overwrite"),
        (("ignn_tinny_x2", "--onnx", "a.onnx"), "nearest: ignn_tiny_x2"),
    ],
)
def test_faults_are_named(words, message, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.safetensors").write_bytes(b"mine")
    status, _, err = cli("export", *words)
    assert status == 1
    assert message in err
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]
