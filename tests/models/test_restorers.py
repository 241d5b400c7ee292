"""The restorer's three modes, its errors, the self-ensemble, the preprocessor."""

import pytest
import torch

from ignn_toolbox.datasets.data_sample import SRDataSample
from ignn_toolbox.models import ImagePreprocessor, SelfEnsemble
from ignn_toolbox.registry import MODELS

RGB = {"type": "RGBEmbedder"}
GRAPH = {"type": "GraphAgg", "channels": 4, "scale": 2, "embedder": RGB, "num_neighbors": 2}
NETWORK = {"type": "EDSR", "scale": 2, "channels": 4, "num_blocks": 2, "aggregator": GRAPH}


def build(**options):
    torch.manual_seed(0)
    config = {"type": "Restorer", "network": NETWORK, "loss": {"type": "L1Loss"}}
    return MODELS.build(config | options).eval()


def batch(size=(13, 12), scale=2, count=2):
    generator = torch.Generator().manual_seed(0)

    def image(height, width):
        return torch.randint(256, (3, height, width), generator=generator).to(torch.uint8)

    samples = []
    for n in range(count):
        sample = SRDataSample(metainfo={"name": f"image{n}"})
        sample.gt_img = image(scale * size[0], scale * size[1])
        samples.append(sample)
    return {"inputs": [image(*size) for _ in range(count)], "data_samples": samples}


def test_predict_attaches_clamped_pictures_and_keeps_the_ground_truth():
    restorer, data = build(), batch()
    gts = [sample.gt_img.clone() for sample in data["data_samples"]]
    results = restorer.test_step(data)
    raw = restorer.network(torch.stack(data["inputs"]).float() / 255)
    for n, sample in enumerate(results):
        torch.testing.assert_close(sample.pred_img, raw[n].detach().clamp(0, 1))
        assert torch.equal(sample.gt_img, gts[n])
        assert sample.name == f"image{n}"
        assert not sample.pred_img.requires_grad


def test_tensor_is_the_networks_raw_output():
    restorer = build()
    image = torch.rand(1, 3, 13, 12)
    assert torch.equal(restorer(image), restorer.network(image))


def test_loss_compares_with_the_ground_truth_in_unit_range():
    restorer, data = build(), batch()
    inputs = torch.stack(data["inputs"]).float() / 255
    gt = torch.stack([s.gt_img for s in data["data_samples"]]).float() / 255
    loss = restorer(inputs, data["data_samples"], mode="loss")["loss"]
    torch.testing.assert_close(loss, (restorer.network(inputs) - gt).abs().mean())


def test_predicting_without_samples_makes_them():
    (sample,) = build().predict(torch.rand(1, 3, 13, 12))
    assert sample.pred_img.shape == (3, 26, 24)


def test_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'tensor', 'predict' or 'loss', got 'train'"):
        build()(torch.rand(1, 3, 13, 12), mode="train")


@pytest.mark.parametrize("mode", ["loss", "predict"])
def test_scales_of_model_and_data_must_agree(mode):
    data = batch(scale=3)
    message = r"image0: a x2 model makes 26x24 of a 13x12 input, but the ground truth is 39x36"
    with pytest.raises(ValueError, match=message):
        build()(torch.stack(data["inputs"]) / 255, data["data_samples"], mode=mode)


def test_loss_needs_a_loss_and_ground_truth():
    with pytest.raises(ValueError, match="needs a loss in the config"):
        build(loss=None)(torch.rand(1, 3, 13, 12), batch()["data_samples"], mode="loss")
    with pytest.raises(ValueError, match="data samples with gt_img"):
        build()(torch.rand(1, 3, 13, 12), None, mode="loss")


def test_images_of_a_batch_must_have_one_size():
    with pytest.raises(ValueError, match=r"LR images of one batch differ in size.*batch_size=1"):
        ImagePreprocessor()({"inputs": [torch.zeros(3, 4, 4), torch.zeros(3, 4, 5)]})


def test_preprocessor_scales_bytes_and_leaves_floats():
    images = [torch.full((3, 4, 4), 51, dtype=torch.uint8)]
    torch.testing.assert_close(
        ImagePreprocessor()({"inputs": images})["inputs"], torch.full((1, 3, 4, 4), 0.2)
    )
    floats = [torch.full((3, 4, 4), 0.7)]
    assert torch.equal(ImagePreprocessor()({"inputs": floats})["inputs"], torch.stack(floats))


def transforms(image):
    """The eight flips and transpositions of a square's pictures."""
    for turned in (image, image.transpose(-1, -2)):
        yield from (turned, turned.flip(-1), turned.flip(-2), turned.flip(-1, -2))


@pytest.mark.parametrize("size", [(12, 12), (13, 16), (15, 13)])
def test_self_ensemble_commutes_with_flips_and_transpositions(size):
    network = build().network
    ensemble = SelfEnsemble(network)
    image = torch.rand(1, 3, *size)
    with torch.no_grad():
        upright = list(transforms(ensemble(image)))
        for turned, expected in zip(transforms(image), upright, strict=True):
            torch.testing.assert_close(ensemble(turned), expected, rtol=1e-5, atol=1e-6)


def test_self_ensemble_is_the_mean_over_the_eight(nearest_restorer):
    network = build().network
    image = torch.rand(1, 3, 12, 14)
    with torch.no_grad():
        total = 0
        for transpose in (False, True):
            for dims in ([], [-1], [-2], [-1, -2]):
                x = image.transpose(-1, -2) if transpose else image
                y = network(x.flip(dims)).flip(dims)
                total = total + (y.transpose(-1, -2) if transpose else y)
        torch.testing.assert_close(SelfEnsemble(network)(image), total / 8, rtol=1e-5, atol=1e-5)
    plain = nearest_restorer.network  # commutes itself: the mean changes nothing
    torch.testing.assert_close(SelfEnsemble(plain)(image), plain(image))


def test_predict_uses_the_self_ensemble_when_asked():
    data = batch(count=1)
    plus = build(self_ensemble=True)
    inputs = torch.stack(data["inputs"]).float() / 255
    with torch.no_grad():
        expected = SelfEnsemble(plus.network)(inputs).clamp(0, 1)[0]
    (sample,) = plus.test_step(data)
    torch.testing.assert_close(sample.pred_img, expected)
