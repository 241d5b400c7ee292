"""``ignn restore``: the size stays, models do what they are for, mosaics are told by zeros."""

import numpy as np
import pytest
import torch
from PIL import Image

from ignn_toolbox.apis import SRInferencer, restore
from ignn_toolbox.commands.models import by_purpose
from ignn_toolbox.datasets.degradations import BayerMosaic
from ignn_toolbox.images import read_image, write_image
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo import zoo_models

RNG = np.random.default_rng(0)


def checkpoint(folder, **network):
    """A file of a small, freshly initialised network that keeps the size."""
    described = {"type": "HalfEDSR", "channels": 4, "num_blocks": 1, **network}
    config = {"type": "Restorer", "network": described}
    torch.manual_seed(0)
    state = MODELS.build(config).state_dict()
    path = folder / "mine.pth"
    torch.save({"meta": {"config": config, "scale": 1}, "state_dict": state}, path)
    return path


@pytest.fixture
def photo(tmp_path):
    image = RNG.integers(0, 256, (21, 30, 3), dtype=np.uint8)
    write_image(tmp_path / "photo.png", image)
    return tmp_path / "photo.png"


def test_size_stays_and_the_numbers_are_the_networks(cli, tmp_path, photo):
    model = checkpoint(tmp_path, purpose="denoising")
    assert cli("restore", photo, "-o", tmp_path / "out", "--model", model)[0] == 0
    made = read_image(tmp_path / "out" / "photo.png")
    image = read_image(photo)
    lq = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        wanted = SRInferencer(model)([image])
        network = MODELS.build({"type": "HalfEDSR", "channels": 4, "num_blocks": 1})
        state = torch.load(model)["state_dict"]
        network.load_state_dict({k.removeprefix("network."): v for k, v in state.items()})
        own = network.eval()(lq)[0].clamp(0, 1).mul(255).round().permute(1, 2, 0)
    assert made.shape == image.shape
    assert (made == next(wanted)).all()
    assert np.abs(own.numpy() - made).max() <= 1
    assert (restore(image, model) == made).all()
    assert restore(image[..., 0], model).shape == (21, 30)


def test_folders_and_journals_are_upscales(cli, tmp_path, photo):
    model = checkpoint(tmp_path)
    (tmp_path / "in").mkdir()
    photo.rename(tmp_path / "in" / "photo.png")
    words = ("restore", tmp_path / "in", "-o", tmp_path / "out", "--model", model, "--journal")
    assert "1 restored" in cli(*words)[2]
    assert "1 restored (1 of them earlier)" in cli(*words)[2]


def test_the_right_command_is_named(cli, tmp_path, photo):
    model = checkpoint(tmp_path, purpose="artefacts")
    status, _, told = cli("upscale", photo, "-o", tmp_path / "out", "--model", model)
    assert status == 1
    assert f"is for artefacts and keeps a picture's size: `ignn restore --model {model}`" in told
    status, _, told = cli("restore", photo, "-o", tmp_path / "out", "--model", "edsr_tiny_x2")
    assert status == 1
    assert "enlarges pictures (x2): `ignn upscale --model edsr_tiny_x2`" in told
    with pytest.raises(ValueError, match="ignn upscale"):
        restore(photo, "edsr_tiny_x2")
    with pytest.raises(ValueError, match="ignn upscale"):
        restore(photo, SRInferencer("edsr_tiny_x2"))
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").glob("*.png"))


def test_mosaics_are_taken_as_samples_or_with_zeros(tmp_path):
    model = SRInferencer(checkpoint(tmp_path, colour="bayer", purpose="demosaicing"))
    image = RNG.integers(1, 256, (12, 18, 3), dtype=np.uint8)
    mosaic = BayerMosaic()(image, RNG)
    restored = restore(mosaic, model)
    assert restored.shape == (12, 18, 3)
    assert (restore(mosaic.max(2, keepdims=True), model) == restored).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda image: image, "no Bayer mosaic"),
        (lambda image: BayerMosaic("RGGB")(image, RNG), "phase is RGGB.*leave out the first col"),
        (lambda image: BayerMosaic("BGGR")(image, RNG), "phase is BGGR.*leave out the first row"),
        (lambda image: BayerMosaic("GBRG")(image, RNG), "phase is GBRG.*row and column"),
        (lambda image: BayerMosaic()(image, RNG)[:-1], "18x11 cuts some in two"),
        (lambda image: image[:, :-1, :1], "17x12 cuts some in two"),
    ],
)
def test_other_mosaics_are_named(tmp_path, make, words):
    model = SRInferencer(checkpoint(tmp_path, colour="bayer", purpose="demosaicing"))
    with pytest.raises(ValueError, match=words):
        restore(make(RNG.integers(1, 256, (12, 18, 3), dtype=np.uint8)), model)


def test_what_to_leave_out_makes_the_phase_right(tmp_path):
    model = SRInferencer(checkpoint(tmp_path, colour="bayer", purpose="demosaicing"))
    image = RNG.integers(1, 256, (13, 19, 3), dtype=np.uint8)
    for phase, rows, columns in (("RGGB", 0, 1), ("BGGR", 1, 0), ("GBRG", 1, 1)):
        mosaic = BayerMosaic(phase)(image, RNG)[rows : 12 + rows, columns : 18 + columns]
        assert restore(mosaic, model).shape == (12, 18, 3)


def test_mosaics_are_not_flipped(tmp_path):
    with pytest.raises(ValueError, match="other phases"):
        SRInferencer(checkpoint(tmp_path, colour="bayer"), self_ensemble=True)


def test_colour_for_a_network_of_grey_is_refused(tmp_path, photo):
    with pytest.raises(ValueError, match="coloured picture does not fit a network for grey"):
        restore(photo, checkpoint(tmp_path, colour="grey"))


def test_cmyk_is_converted_and_it_is_said(cli, tmp_path):
    pixels = RNG.integers(0, 256, (16, 16, 4), dtype=np.uint8)
    Image.fromarray(pixels, "CMYK").save(tmp_path / "print.jpg")
    words = ("restore", tmp_path / "print.jpg", "-o", tmp_path / "out")
    status, _, told = cli(*words, "--model", checkpoint(tmp_path))
    assert status == 0
    assert "CMYK" in told
    assert read_image(tmp_path / "out" / "print.jpg").shape == (16, 16, 3)


def test_models_are_grouped_by_purpose(cli):
    groups = by_purpose(zoo_models().values())
    assert next(iter(groups)) == "super-resolution"
    for purpose, models in groups.items():
        assert {model.purpose for model in models} == {purpose}
    status, out, _ = cli("models")
    assert status == 0
    for model in zoo_models():
        assert model in out
