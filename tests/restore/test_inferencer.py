"""SRInferencer: any kind of input, lazily, in the input's dtype, with the network's numbers."""

import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from ignn_toolbox.models import Network, NetworkSpec
from ignn_toolbox.ops import imresize
from ignn_toolbox.registry import MODELS
from ignn_toolbox.restore import SRInferencer, Target, forecast, upscale
from ignn_toolbox.restore import inferencer as inferencer_module
from ignn_toolbox.zoo import index


def doubled(pixels):
    return pixels.repeat(2, axis=0).repeat(2, axis=1)


def noise(dtype, *shape):
    rng = np.random.default_rng(0)
    if np.issubdtype(dtype, np.floating):
        return rng.random(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


@pytest.fixture
def nearest(nearest_restorer):
    return SRInferencer(nearest_restorer, device="cpu")


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    config = dict(
        type="Restorer",
        network=dict(
            type="EDSR",
            scale=2,
            channels=8,
            num_blocks=2,
            aggregator=dict(
                type="GraphAgg", channels=8, scale=2, embedder=dict(type="RGBEmbedder")
            ),
        ),
    )
    return MODELS.build(config)


@pytest.fixture(scope="module")
def tiny_cnn():
    torch.manual_seed(0)
    network = dict(type="EDSR", scale=2, channels=8, num_blocks=2)
    return MODELS.build(dict(type="Restorer", network=network))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.float16])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3)])
def test_dtype_and_shape_of_the_input_are_kept(nearest, dtype, shape):
    pixels = noise(dtype, *shape)
    (result,) = nearest(pixels)
    assert result.dtype == pixels.dtype
    tolerance = 0 if np.issubdtype(dtype, np.integer) else 1e-6
    if dtype == np.float16:
        tolerance = 1e-3
    np.testing.assert_allclose(result, doubled(pixels), rtol=0, atol=tolerance)


def test_tensors_are_taken_channel_first_and_batched(nearest):
    batch = torch.from_numpy(noise(np.uint8, 2, 3, 5, 7))
    results = list(nearest(batch))
    assert len(results) == 2
    np.testing.assert_array_equal(results[1], doubled(batch[1].permute(1, 2, 0).numpy()))
    (single,) = nearest(batch[0].float() / 255)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single * 255, results[0], atol=1e-4)


def test_colour_under_transparent_pixels_does_not_bleed(tiny):
    pixels = noise(np.uint8, 24, 26, 4)
    pixels[:, :, 3] = np.where(np.add.outer(np.arange(24), np.arange(26)) % 7 < 3, 0, 255)
    other = pixels.copy()
    other[pixels[:, :, 3] == 0, :3] = 255 - other[pixels[:, :, 3] == 0, :3]
    first, second = SRInferencer(tiny, device="cpu")([pixels, other])
    np.testing.assert_array_equal(first, second)


def test_alpha_is_resized_bicubically_and_colour_restored_as_without_it(tiny):
    inferencer = SRInferencer(tiny, device="cpu")
    pixels = noise(np.uint8, 24, 26, 4)
    pixels[:, :, 3] |= 1  # nothing fully transparent
    with_alpha, without = inferencer([pixels, pixels[:, :, :3]])
    np.testing.assert_array_equal(with_alpha[:, :, :3], without)
    alpha = torch.from_numpy(pixels[:, :, 3]).double()[None]
    wanted = imresize(alpha, 2).clamp(0, 255).round()[0].numpy()
    np.testing.assert_array_equal(with_alpha[:, :, 3], wanted)


def test_results_are_the_networks(tiny):
    pixels = noise(np.uint8, 17, 21, 3)
    lq = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        sr = tiny.network(lq)[0].permute(1, 2, 0)
    (result,) = SRInferencer(tiny, device="cpu")(pixels)
    np.testing.assert_array_equal(result, sr.mul(255).round().clamp(0, 255).numpy())


def test_iterators_are_consumed_lazily(nearest):
    taken = itertools.count()
    results = nearest(noise(np.uint8, 4, 4, 3) for _ in taken)
    assert next(taken) == 0, "nothing is read before the first result is asked for"
    next(results)
    next(results)
    assert next(taken) <= 5, "at most one picture ahead"


def test_files_and_arrays_give_the_same_and_files_come_upright(nearest, tmp_path):
    pixels = noise(np.uint8, 6, 9, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: viewers rotate by 90 degrees clockwise
    path = tmp_path / "größe 1.png"
    Image.fromarray(pixels).save(path, exif=exif)
    from_path, from_array = nearest([path, pixels])
    np.testing.assert_array_equal(from_path, np.rot90(from_array, -1))
    (by_text,) = nearest(str(path))
    np.testing.assert_array_equal(by_text, from_path)


def test_self_ensemble_is_the_mean_over_eight_orientations(tiny):
    pixels = noise(np.float32, 16, 18, 3)
    (result,) = SRInferencer(tiny, device="cpu", self_ensemble=True)(pixels)
    plain = tiny.eval().network
    lq = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    total = 0
    with torch.no_grad():
        for turns in range(4):
            for flip in (False, True):
                turned = torch.rot90(lq, turns, (2, 3))
                turned = turned.flip(3) if flip else turned
                sr = plain(turned)
                sr = sr.flip(3) if flip else sr
                total = total + torch.rot90(sr, -turns, (2, 3))
    wanted = (total / 8).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(result, wanted, atol=2e-6)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, (20, 30)),
        ({"factor": 3}, (30, 45)),
        ({"factor": 1.25}, (12, 19)),
        ({"width": 60}, (40, 60)),
        ({"height": 15}, (15, 22)),
        ({"width": 33, "height": 44}, (44, 33)),
    ],
)
def test_any_target_size_is_reached(nearest, options, size):
    (result,) = nearest(noise(np.uint8, 10, 15, 3), **options)
    assert result.shape == (*size, 3)


def test_other_sizes_are_the_exact_bicubic_of_the_restored_picture(nearest):
    pixels = noise(np.float64, 10, 15, 3)
    (result,) = nearest(pixels, factor=3)
    restored = torch.from_numpy(doubled(pixels)).permute(2, 0, 1)
    wanted = imresize(restored, size=(30, 45)).clamp(0, 1).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(result, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("factor", "scale"), [(None, 2), (1.1, 2), (2.4, 2), (2.5, 3), (3.4, 3), (3.5, 4), (9, 4)]
)
def test_nearest_scale_of_the_same_kind_restores(factor, scale, monkeypatch):
    used = []

    class Recorder(Network):
        def __init__(self, scale):
            super().__init__()
            self.spec = NetworkSpec(scale)

        def run(self, lq, go):
            used.extend([self.spec.scale] if torch.is_tensor(lq) else [])  # else it is recorded
            return lq.repeat_interleave(self.spec.scale, 2).repeat_interleave(self.spec.scale, 3)

    class Entry:
        def __init__(self, scale):
            self.scale = scale

    def load(name, checkpoint=None):
        restorer = torch.nn.Module()
        restorer.network = Recorder(int(name[-1]))
        restorer.scale = restorer.network.spec.scale
        return restorer

    zoo = {name: Entry(int(name[-1])) for name in ("a_x2", "a_x3", "a_x4", "b_x2", "c_a_x2")}
    monkeypatch.setattr(index, "zoo_models", lambda: zoo)
    monkeypatch.setattr(inferencer_module, "init_model", load)
    list(SRInferencer("a_x2", device="cpu")(noise(np.uint8, 20, 30, 3), factor=factor))
    assert used == [scale]
    list(SRInferencer("b_x2", device="cpu")(noise(np.uint8, 20, 30, 3), factor=factor))
    assert used == [scale, 2], "another kind has a scale of its own only"


def test_target_of_a_turned_picture_is_meant_as_it_is_seen():
    assert Target(width=8).as_stored(6) == Target(height=8)
    assert Target(width=8).as_stored(3) == Target(width=8)


def test_bfloat16_stays_close(tiny):
    pixels = noise(np.float32, 16, 16, 3)
    (exact,) = SRInferencer(tiny, device="cpu")(pixels)
    (fast,) = SRInferencer(tiny, device="cpu", amp=True)(pixels)
    assert 0 < np.abs(exact - fast).max() < 0.02


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (np.zeros((4, 4, 5), np.uint8), ValueError, r"\(4, 4, 5\) is no picture"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, "no picture"),
        (np.zeros((4, 4), np.int32), TypeError, "int32"),
        (np.full((4, 4, 3), np.nan), ValueError, "not finite"),
        (torch.zeros(4, 4), ValueError, r"\(4, 4\) is no picture"),
        ("none.png", FileNotFoundError, "none.png does not exist"),
        ([None], TypeError, "NoneType is no kind of picture"),
        (np.full((4, 4), 255.0), ValueError, "from 255 to 255, but 0 is black"),
    ],
)
def test_bad_inputs_are_explained(nearest, source, error, message):
    with pytest.raises(error, match=message):
        list(nearest(source))


def test_a_range_of_values_is_that_of_the_results_too(nearest_restorer):
    """Of arrays, tensors, files' integers (which have their own), and Pillow's images."""
    inferencer = SRInferencer(nearest_restorer, device="cpu", value_range=(-10, 245))
    pixels = noise(np.uint8, 5, 6, 3)
    floats = pixels.astype(np.float32) - 10
    tensor = torch.from_numpy(floats).permute(2, 0, 1)
    grey = Image.fromarray(floats[:, :, 0])
    from_floats, from_tensor, from_integers, from_image = inferencer([floats, tensor, pixels, grey])
    wanted = doubled(pixels).astype(np.float32) - 10
    np.testing.assert_allclose(from_floats, wanted, atol=1e-4)
    np.testing.assert_allclose(from_tensor, wanted, atol=1e-4)
    np.testing.assert_array_equal(from_integers, doubled(pixels))
    np.testing.assert_allclose(from_image, wanted[:, :, :1], atol=1e-4)
    with pytest.raises(ValueError, match="from 246 to 500, but -10 is black and 245 is white"):
        list(inferencer(np.array([[246.0, 500.0]])))


def test_pillow_s_images_go_in_and_with_as_pil_come_out(nearest):
    pixels = noise(np.uint8, 5, 7, 4)
    image = Image.fromarray(pixels[:, :, :3])
    image.info["icc_profile"] = b"a profile"
    assert isinstance(next(nearest(image)), np.ndarray)
    (made,) = nearest(image, as_pil=True, factor=3)
    assert isinstance(made, Image.Image)
    assert made.size == (21, 15)
    assert made.info["icc_profile"] == b"a profile"
    wanted = list(nearest([pixels[:, :, 0], noise(np.uint16, 5, 7), pixels]))
    for array, result in zip(
        wanted, nearest([pixels[:, :, 0], noise(np.uint16, 5, 7), pixels], as_pil=True), strict=True
    ):
        np.testing.assert_array_equal(np.array(result), array)
    with pytest.raises(ValueError, match=r"Pillow has no image of \(3,\) channels of uint16"):
        next(nearest(noise(np.uint16, 5, 7, 3), as_pil=True))


def test_upscale_takes_one_picture_and_gives_one(nearest_restorer, nearest, tmp_path):
    pixels = noise(np.uint8, 5, 7, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    sources = [pixels, tmp_path / "a.png", Image.fromarray(pixels)]
    for source in [*sources, torch.from_numpy(pixels).permute(2, 0, 1)[None]]:
        result = upscale(source, nearest_restorer, device="cpu")
        np.testing.assert_array_equal(result, doubled(pixels))
    assert upscale(pixels, nearest, width=21).shape == (15, 21, 3)
    assert upscale(pixels, nearest, as_pil=True).size == (14, 10)
    with pytest.raises(TypeError, match="list is no picture; SRInferencer takes several"):
        upscale([pixels], nearest)
    with pytest.raises(ValueError, match="a tensor of 2 pictures"):
        upscale(torch.zeros(2, 3, 4, 4), nearest)
    with pytest.raises(TypeError, match="amp: say it where the SRInferencer is made"):
        upscale(pixels, nearest, amp=True)


def test_too_small_picture_names_the_smallest_size(tiny):
    with pytest.raises(ValueError, match="11x40 image is too small.*at least 12x12"):
        list(SRInferencer(tiny, device="cpu")(np.zeros((11, 40, 3), np.uint8)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 0}, "factor=0 must be positive"),
        ({"width": -3}, "width=-3 must be positive"),
        ({"factor": 2, "width": 3}, "exclude each other"),
    ],
)
def test_senseless_targets_are_refused(nearest, options, message):
    with pytest.raises(ValueError, match=message):
        nearest(np.zeros((4, 4), np.uint8), **options)


def test_unknown_device_and_model_are_named(nearest_restorer):
    with pytest.raises(ValueError, match="device='tpu9'"):
        SRInferencer(nearest_restorer, device="tpu9")
    with pytest.raises(FileNotFoundError, match="no model or config `ignn_huge`"):
        SRInferencer("ignn_huge", device="cpu")


@pytest.mark.slow
def test_compiled_network_gives_the_same():
    torch.manual_seed(0)
    network = dict(type="EDSR", scale=2, channels=4, num_blocks=1)
    restorer = MODELS.build(dict(type="Restorer", network=network))
    pixels = [noise(np.float32, 16, 16, 3), noise(np.float32, 20, 24, 3)]
    exact = list(SRInferencer(restorer, device="cpu")(pixels))
    compiled = list(SRInferencer(restorer, device="cpu", compile=True)(pixels))
    for one, other in zip(exact, compiled, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_progress_moves_within_a_picture_in_one_piece(tiny):
    """By the network's steps, all passes of the self-ensemble together; numbers stay the same."""
    pixels = noise(np.uint8, 24, 26, 3)
    for options in ({}, {"self_ensemble": True}):
        inferencer, told = SRInferencer(tiny, device="cpu", **options), []
        inferencer.progress = lambda done, total, told=told: told.append(done / total)
        list(inferencer(pixels))
        assert told == sorted(set(told))
        assert len(told) >= 5
        assert told[-1] == 1


def test_the_network_that_was_taken_is_told_once_with_the_reason(nearest):
    said = []
    nearest.inform = said.append
    pictures = [noise(np.uint8, 5, 7, 3), noise(np.uint8, 9, 7, 3)]
    list(nearest(pictures))
    assert said == ["Nearest restores, on cpu"]
    list(nearest(pictures, factor=3))
    assert said[1:] == [
        "Nearest restores, on cpu; from x2 to the wanted size it is the exact bicubic"
    ]
    assert nearest.used == "Nearest"


class Timed:
    """A network that takes as many seconds as it is told, by a clock of its own."""

    def __init__(self, monkeypatch, seconds):
        self.now, self.seconds, self.sizes = 0.0, seconds, []
        monkeypatch.setattr(forecast.time, "perf_counter", lambda: self.now)

    def __call__(self, lq):
        self.sizes.append(tuple(lq.shape[-2:]))
        self.now += self.seconds(lq.shape[-2] * lq.shape[-1])


@pytest.mark.parametrize("power", [1, 1.5, 2])
def test_the_time_of_a_large_picture_is_foretold_from_two_crops(monkeypatch, power):
    network = Timed(monkeypatch, lambda pixels: 1e-5 * pixels**power)
    foretell, picture = forecast.Forecast(), torch.zeros(1, 3, 1000, 2000)
    assert foretell(2, network, picture) == pytest.approx(1e-5 * 2e6**power, rel=1e-6)
    assert network.sizes == [(64, 64), (64, 64), (128, 128)]
    assert foretell(2, network, picture[:, :, :900]) is not None
    assert len(network.sizes) == 3, "each network is asked once"
    assert foretell(2, network, picture[:, :, :128]) is None, "soon done"
    assert foretell(2, network, torch.zeros(1, 3, 4000, 100)) is None


def test_a_network_of_large_pictures_only_foretells_nothing():
    def network(lq):
        raise ValueError("too small")

    assert forecast.Forecast()(2, network, torch.zeros(1, 3, 1000, 2000)) is None


def test_a_seamless_texture_stays_seamless(tiny_cnn):
    """Rolled input, rolled result: no side is a border, for a network that sees 32 pixels."""
    pixels = noise(np.uint8, 20, 26, 3)
    inferencer = SRInferencer(tiny_cnn, device="cpu", wrap=True)
    whole, rolled = inferencer([pixels, np.roll(pixels, (7, 11), (0, 1))])
    np.testing.assert_array_equal(np.roll(whole, (14, 22), (0, 1)), rolled)
    (plain,) = SRInferencer(tiny_cnn, device="cpu")(pixels)
    inner = slice(16, -16)
    np.testing.assert_array_equal(plain[inner, inner], whole[inner, inner])
    assert (plain != whole).any()
    with pytest.raises(ValueError, match="wrap: a seamless picture keeps the model's scale, x2"):
        next(inferencer(pixels, factor=3))


@pytest.mark.parametrize("factor", [None, 3])
def test_a_consistent_result_reduces_to_the_input(nearest_restorer, factor):
    smooth = torch.rand(1, 3, 40, 50, generator=torch.Generator().manual_seed(0))
    pixels = imresize(smooth, 1 / 2)[0].clamp(0, 1).permute(1, 2, 0).numpy()
    inferencer, said = SRInferencer(nearest_restorer, device="cpu", consistent=True), []
    inferencer.report = said.append
    (result,) = inferencer(pixels, factor=factor)
    reduced = imresize(torch.from_numpy(result).permute(2, 0, 1)[None], size=(20, 25))
    off = np.abs(reduced[0].permute(1, 2, 0).numpy() - pixels) * 255
    assert f"at most {off.max():.2f} of 255 levels, mean {off.mean():.4f}" in said[-1]
    (plain,) = SRInferencer(nearest_restorer, device="cpu")(pixels, factor=factor)
    reduced = imresize(torch.from_numpy(plain).permute(2, 0, 1)[None], size=(20, 25))
    before = np.abs(reduced[0].permute(1, 2, 0).numpy() - pixels) * 255
    assert off.mean() < 0.05 < before.mean() / 10
    with pytest.raises(ValueError, match="consistent: the result must be larger"):
        next(inferencer(pixels, factor=0.5))


def test_the_spread_is_that_of_the_eight_results(tiny):
    pixels = noise(np.float32, 16, 18, 3)
    inferencer = SRInferencer(tiny, device="cpu", uncertainty=True)
    (result,) = inferencer(pixels)
    network, lq = tiny.eval().network, torch.from_numpy(pixels).permute(2, 0, 1)[None]
    made = []
    with torch.no_grad():
        for turns in range(4):
            for flip in (False, True):
                turned = torch.rot90(lq, turns, (2, 3))
                sr = network(turned.flip(3) if flip else turned)
                made.append(torch.rot90(sr.flip(3) if flip else sr, -turns, (2, 3)))
    wanted = torch.stack(made).std(0, correction=0).mean(1)[0]
    np.testing.assert_allclose(inferencer.spread, wanted.numpy(), atol=1e-5)
    (plain,) = SRInferencer(tiny, device="cpu", self_ensemble=True)(pixels)
    np.testing.assert_array_equal(result, plain)
