"""The studio behind the page: same numbers as the inferencer, limits, clear messages."""

import numpy as np
import pytest
import torch
from PIL import Image

from ignn_toolbox.apis import SRInferencer, list_models
from ignn_toolbox.registry import MODELS
from ignn_toolbox.serve import Limits, Studio
from ignn_toolbox.visualization.inspection import look_up
from ignn_toolbox.zoo.loading import init_model

RNG = np.random.default_rng(0)


@pytest.fixture
def studio(tmp_path, tiny_checkpoint):
    folder = tmp_path / "results"
    folder.mkdir()
    return Studio(folder, Limits(1, 0.01), [str(tiny_checkpoint), "edsr_tiny_x2"], "cpu")


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(RNG.integers(0, 256, (40, 50, 3), np.uint8)).save(path)
    return path


def test_all_shipped_kinds_are_offered(tmp_path):
    kinds = Studio(tmp_path).kinds
    assert next(iter(kinds)) == "ignn_tiny"
    assert {"ignn_tiny", "edsr_tiny", "bicubic"} <= set(kinds)
    assert sorted(name for names in kinds.values() for name in names) == list_models()


@pytest.mark.parametrize("scale", [2, 3])
def test_result_is_the_inferencers_and_a_lossless_png(studio, photo, tiny_checkpoint, scale):
    told: list[tuple[str, float]] = []
    result = studio.enlarge(photo, "tiny_x2", scale, False, lambda *moved: told.append(moved))
    (expected,) = SRInferencer(tiny_checkpoint)(photo, factor=scale)
    written = Image.open(result.after)
    assert written.format == "PNG"
    assert np.abs(np.asarray(written).astype(int) - expected).max() <= 1  # tiles round elsewhere
    before = Image.open(result.before)
    assert before.size == written.size == (50 * scale, 40 * scale)
    assert "50x40 became" in result.summary
    assert ("exact bicubic" in result.summary) == (scale == 3)
    assert all(what == "restoring" and 0 <= done <= 1 for what, done in told)


def test_the_network_is_tuned_on_request(studio, tmp_path):
    x = np.arange(80) + np.arange(64)[:, None]
    waves = np.uint8(127.5 + 100 * np.sin(x))[:, :, None].repeat(3, 2)
    Image.fromarray(waves).save(tmp_path / "waves.png")
    Image.new("RGB", (40, 50)).save(tmp_path / "small.png")
    told = []
    result = studio.enlarge(
        tmp_path / "small.png", "tiny_x2", 2, True, lambda *moved: told.append(moved)
    )
    assert "Not tuned: the picture is smaller than 48x48." in result.summary
    assert result.after.name == "small_tiny_x2_tuned_x2.png"
    assert {what for what, _ in told} == {"restoring"}

    def stop(what, done):
        assert what == "tuning"
        studio.stop()

    with pytest.raises(ValueError, match="The page is closing"):
        studio.enlarge(tmp_path / "waves.png", "tiny_x2", 2, True, stop)


def test_a_model_that_keeps_the_size_does_so_whatever_is_chosen(tmp_path, photo):
    network = {"type": "HalfEDSR", "channels": 4, "num_blocks": 1}
    config = {"type": "Restorer", "network": network}
    torch.manual_seed(0)
    state = MODELS.build(config).state_dict()
    model = tmp_path / "clean.pth"
    torch.save({"meta": {"config": config, "scale": 1}, "state_dict": state}, model)
    result = Studio(tmp_path, Limits(1, 0.01), [str(model)], "cpu").enlarge(photo, "clean", 3)
    assert Image.open(result.after).size == Image.open(result.before).size == (50, 40)
    assert (np.asarray(Image.open(result.before)) == np.asarray(Image.open(photo))).all()
    assert "50x40 became 50x40" in result.summary


def test_depth_and_transparency_are_kept_and_the_camera_turned_upright(studio, tmp_path):
    deep = RNG.integers(0, 65536, (20, 24), np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert studio.open(tmp_path / "deep.png").pixels.dtype == np.uint16
    after = studio.enlarge(tmp_path / "deep.png", "edsr_tiny_x2", 2).after
    assert Image.open(after).mode == "I;16"
    clear = Image.fromarray(RNG.integers(0, 256, (20, 24, 4), np.uint8))
    clear.save(tmp_path / "clear.png")
    assert (
        Image.open(studio.enlarge(tmp_path / "clear.png", "edsr_tiny_x2", 2).after).mode == "RGBA"
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert studio.open(tmp_path / "turned.jpg").pixels.shape == (30, 20, 3)


def test_neighbours_are_those_of_the_network(studio, photo, tiny_checkpoint):
    found = studio.neighbours(photo, "tiny_x2", 2, 21, 13)
    pixels = np.array(Image.open(photo))
    query = look_up(init_model(tiny_checkpoint).network, pixels, 21, 13)
    assert [row[1:4] for row in found.rows] == [[x, y, side] for y, x, side in query.taken]
    assert sum(row[4] for row in found.rows) == pytest.approx(1, abs=1e-3)
    assert Image.open(found.figure).format == "PNG"
    with pytest.raises(ValueError, match="no patch graph"):
        studio.neighbours(photo, "edsr_tiny_x2", 2, 21, 13)


def test_what_is_not_taken_is_said_without_paths(studio, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture at all")
    Image.new("RGB", (200, 51)).save(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"\0" * (2**20 + 1))
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "d.png").write_bytes(whole[: len(whole) // 2])
    for name, message in [
        ("a.png", "a.png is not a picture"),
        ("b.png", r"b.png has 200x51 pixels; this page takes 0.01 megapixels"),
        ("c.png", r"The file has 1.0 MB; this page takes 1 MB"),
        ("d.png", "d.png is truncated or damaged"),
    ]:
        limits = Limits(1, 1) if name == "d.png" else studio.limits
        with pytest.raises(ValueError, match=message) as caught:
            Studio(tmp_path, limits, ["bicubic_x2"]).open(tmp_path / name)
        assert str(tmp_path) not in str(caught.value)


def test_faulty_options_are_named(tmp_path):
    with pytest.raises(ValueError, match="--max-megapixels must be positive"):
        Limits(1, 0)
    with pytest.raises(ValueError, match="same name"):
        Studio(tmp_path, models=["a/x.pth", "b/x.pth"])
    with pytest.raises(ValueError, match="no model 'x'; choose from"):
        Studio(tmp_path).enlarge(tmp_path / "x", "x", 2)
