"""NaN and infinity are never numbers: not in weights, nor in what a network makes of a picture."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ignn_toolbox.apis import SRInferencer, import_checkpoint, init_model
from ignn_toolbox.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from ignn_toolbox.evaluation import SRMetric, to_uint8
from ignn_toolbox.images.convert import to_array
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo.warm_start import warm_start

PLACES = ("network.stem.weight", "network.aggregator.edge_lr.head.weight", "network.output.bias")


@pytest.fixture(params=[math.nan, math.inf, -math.inf], ids=str)
def value(request) -> float:
    return request.param


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def broken(tiny_checkpoint: Path, path: Path, place: str, value: float) -> Path:
    content = load_checkpoint(tiny_checkpoint)
    content["state_dict"][place].view(-1)[0] = value
    save_checkpoint(content, path)
    return path


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_no_door_takes_such_weights(
    tiny_checkpoint, picture, cli, tmp_path, place, suffix, value
) -> None:
    path = broken(tiny_checkpoint, tmp_path / f"bad{suffix}", place, value)
    doors = [
        ("upscale", picture, "-o", tmp_path / "out", "--model", path),
        ("upscale", picture, "-o", tmp_path / "out", "--model", tiny_checkpoint)
        + ("--checkpoint", path),
        ("export", path, "--safetensors", tmp_path / "new.safetensors"),
        ("export", path, "--onnx", tmp_path / "new.onnx"),
        ("inspect", picture, "--at", "9,9", "--model", path, "-o", tmp_path / "new.png"),
    ]
    for words in doors:
        status, _, err = cli(*words)
        assert status == 1, words
        assert f"{place} holds values that are not finite (1 of" in err, words
        assert "bad." in err
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())
    assert not list(tmp_path.glob("new.*"))
    with pytest.raises(CheckpointError, match="not finite"):
        init_model(path)
    with pytest.raises(CheckpointError, match="not finite"):
        warm_start(init_model(tiny_checkpoint), path)


def test_an_import_is_refused(tmp_path: Path, cli, value: float) -> None:
    network = MODELS.build({"type": "EDSR", "scale": 2, "channels": 8, "num_blocks": 1})
    state = {
        "conv_first.weight": network.stem.weight,
        "conv_first.bias": network.stem.bias,
        "body.0.conv1.weight": network.blocks[0].conv1.weight,
        "body.0.conv1.bias": network.blocks[0].conv1.bias,
        "body.0.conv2.weight": network.blocks[0].conv2.weight,
        "body.0.conv2.bias": network.blocks[0].conv2.bias,
        "conv_after_body.weight": network.body_end.weight,
        "conv_after_body.bias": network.body_end.bias,
        "upsample.0.weight": network.upsampler[0].conv.weight,
        "upsample.0.bias": network.upsampler[0].conv.bias,
        "conv_last.weight": network.output.weight,
        "conv_last.bias": network.output.bias,
    }
    state = {name: value.detach().clone() for name, value in state.items()}
    torch.save({"params": state}, tmp_path / "good.pth")
    import_checkpoint(tmp_path / "good.pth")
    state["body.0.conv1.weight"].view(-1)[5] = value
    torch.save({"params": state}, tmp_path / "bad.pth")
    status, _, err = cli("import", tmp_path / "bad.pth", "-o", tmp_path / "new.pth")
    assert status == 1
    assert "blocks.0.conv1.weight holds values that are not finite" in err
    assert not (tmp_path / "new.pth").exists()


@pytest.fixture
def exploding(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """Finite weights, infinite features."""
    content = load_checkpoint(tiny_checkpoint)
    for name in ("stem", "blocks.0.conv1", "blocks.0.conv2", "body_end"):
        content["state_dict"][f"network.{name}.weight"].fill_(1e30)
    save_checkpoint(content, tmp_path / "exploding.pth")
    return tmp_path / "exploding.pth"


def test_a_picture_that_becomes_none_is_failed_and_named(exploding, picture, cli, tmp_path) -> None:
    out = tmp_path / "out"
    for more in ((), ("--tile", 16), ("--journal",), ("--format", "tiff")):
        status, said, err = cli("upscale", picture, "-o", out, "--model", exploding, *more)
        assert status == 1
        assert "picture" in said + err
        assert "not finite" in said + err
        assert not list(out.rglob("picture*"))
    with pytest.raises(ValueError, match="not finite"):
        list(SRInferencer(exploding)(np.zeros((32, 32, 3), np.float32) + 0.5))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_no_cast_makes_a_number_of_it(dtype, value: float) -> None:
    image = torch.full((1, 3, 4, 5), 0.5)
    to_array(image, np.dtype(dtype))
    image[0, 1, 2, 3] = value
    with pytest.raises(ValueError, match=r"not finite \(1 of 20 in channel 2\)"):
        to_array(image, np.dtype(dtype))
    with pytest.raises(ValueError, match=r"not finite \(1 of 60\)"):
        to_uint8(image[0].numpy())


def test_a_score_of_it_is_an_error_that_names_the_picture(value: float) -> None:
    sample = {"dataset_name": "Set5", "name": "baby", "scale": 2}
    sample["gt_img"] = torch.zeros(3, 32, 32, dtype=torch.uint8)
    sample["pred_img"] = torch.zeros(3, 32, 32)
    metric = SRMetric()
    metric.process(None, [sample])
    sample["pred_img"][0, 0, 0] = value
    with pytest.raises(ValueError, match="Set5/baby: the picture holds values that are not finite"):
        metric.process(None, [sample])
    assert len(metric.results) == 1
