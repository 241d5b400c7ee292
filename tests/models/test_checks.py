"""What a module of anybody's returns wrongly is named where it is called, with what was wanted."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from ignn_toolbox.datasets.batch import pack_batch
from ignn_toolbox.datasets.data_sample import META_KEYS, SRDataSample
from ignn_toolbox.models import Aggregator, Network, NetworkSpec
from ignn_toolbox.registry import MODELS
from ignn_toolbox.restore.exact import restore_exactly
from ignn_toolbox.restore.tiles import MapStore, TileRun


@pytest.fixture
def part():
    """Registers a class under the name ``Part``, for the test."""

    def register(kind: type) -> type:
        return MODELS.register_module(name="Part", force=True, module=kind)

    yield register
    MODELS.module_dict.pop("Part", None)


def edsr(**options) -> nn.Module:
    config = dict(type="EDSR", scale=2, channels=4, num_blocks=2, compact=True)
    return MODELS.build(config | dict(aggregator=dict(type="Part")) | options)


def aggregator(wrong, scales=(1,), hr_channels=0) -> type:
    class Mine(Aggregator):
        def prepare(self, features, image, *, given=None, allocate=None):
            return None

        def attend(self, prepared, features, place):
            return wrong(features)

    Mine.scales, Mine.hr_channels = scales, hr_channels
    return Mine


@pytest.mark.parametrize(
    ("wrong", "options", "reason"),
    [
        (lambda x: None, {}, r"must return a tensor \(2, C, 6, 8\), .*; got None; .*test_checks"),
        (lambda x: (x, x), {}, r"must return a tensor .*; got a tuple of 2"),
        (lambda x: (x,), {}, r"must return a tensor .*; got a tuple of 1"),
        (lambda x: x.repeat(1, 1, 2, 2), {}, r"got a tensor \(2, 4, 12, 16\)"),
        (lambda x: x[0], {}, r"got a tensor \(4, 6, 8\)"),
        (lambda x: x.repeat(1, 2, 1, 1), {}, r"the result of scale 1 must have 4 channels, got"),
        (
            lambda x: x,  # two images, which once were taken for two results
            dict(scales=(1, 2), hr_channels=4),
            r"must return a tuple of \(2, C, 6, 8\), \(2, C, 12, 16\), .*\(1, 2\).*got a tensor",
        ),
        (
            lambda x: (x, x.repeat(1, 2, 2, 2)),
            dict(scales=(1, 2), hr_channels=4),
            r"the larger result must have 4 channels, got a tensor \(2, 8, 12, 16\)",
        ),
        (lambda x: [x, x], dict(scales=(1, 2), hr_channels=4), r"got a list of 2"),
    ],
)
def test_an_aggregator_s_results(part, wrong, options, reason) -> None:
    part(aggregator(wrong, **options))
    network = edsr()
    with pytest.raises((TypeError, ValueError), match=f"Mine: .*{reason}"):
        network(torch.rand(2, 3, 6, 8))


def test_an_aggregator_s_results_in_tiles(part) -> None:
    part(aggregator(lambda x: x[:, :, 1:]))
    run, store = TileRun(8, pytest.fail), MapStore(0, torch.device("cpu"))
    with pytest.raises(ValueError, match=r"Mine: attend must return .*got a tensor"):
        restore_exactly(edsr().eval(), torch.rand(1, 3, 20, 20), run, store)


def test_a_block_s_and_a_step_s_results() -> None:
    class Mine(Network):
        def __init__(self):
            super().__init__()
            self.spec = NetworkSpec(1)

        def run(self, lq, go):
            return go.local(self.step, lq, through=())

        def step(self, x):
            return x.mean()

    with pytest.raises(TypeError, match=r"Mine\.step must return a tensor \(N, C, H, W\), got a"):
        Mine()(torch.rand(1, 3, 4, 4))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda x: x.mean(), r"must return features \(1, 3, 40, 40\).*got a tensor \(\)"),
        (lambda x: x[:, :2], r"got a tensor \(1, 2, 40, 40\)"),
        (lambda x: [x], r"got a list of 1"),
    ],
)
def test_an_embedder_s_features(part, wrong, reason) -> None:
    class Mine(nn.Module):
        channels = 3

        def __init__(self):
            super().__init__()
            self.unused = nn.Conv2d(3, 3, 1)

        def forward(self, image):
            return wrong(image)

    part(Mine)
    graph = dict(type="GraphAgg", channels=4, scale=2, embedder=dict(type="Part"))
    network = edsr(aggregator=graph)
    with pytest.raises((TypeError, ValueError), match=f"Mine .*{reason}"):
        network(torch.rand(1, 3, 40, 40))


@pytest.mark.parametrize("wrong", [lambda d: d, lambda d: float(d.mean()), lambda d: None])
def test_a_loss(part, wrong) -> None:
    class Mine(nn.Module):
        def forward(self, sr, gt):
            return wrong(sr - gt)

    part(Mine)
    network = dict(type="EDSR", scale=2, channels=4, num_blocks=1)
    restorer = MODELS.build(dict(type="Restorer", network=network, loss=dict(type="Part")))
    sample = SRDataSample()
    sample.gt_img = torch.rand(3, 8, 8)
    with pytest.raises(TypeError, match=r"Mine must return a scalar tensor, got .*test_checks\.py"):
        restorer(torch.rand(1, 3, 4, 4), [sample], mode="loss")


def test_a_data_set_s_items() -> None:
    sample = SRDataSample(metainfo=dict.fromkeys(META_KEYS, ""))
    image = torch.zeros(3, 4, 4, dtype=torch.uint8)
    good = {"inputs": image, "data_samples": sample}
    assert pack_batch([good])["inputs"] == [image]
    for wrong, reason in (
        (None, "got None"),
        ({"lq": image}, r"got keys \['lq'\]"),
        (good | {"inputs": image.numpy()}, "its inputs are a ndarray"),
        (good | {"data_samples": {}}, "its data_samples are a dict"),
        (good | {"data_samples": SRDataSample()}, "lacks the metainfo name, dataset_name, scale"),
    ):
        with pytest.raises(TypeError, match=f"a data set must yield dict.*PackInputs.*{reason}"):
            pack_batch([wrong])


OWN = """
import torch
from ignn_toolbox.models import Aggregator
from ignn_toolbox.registry import MODELS


@MODELS.register_module(force=True)
class Faulty(Aggregator):
    def prepare(self, features, image, *, given=None, allocate=None):
        return features.mean((2, 3))

    def attend(self, prepared, features, place):
        return features + prepared


@MODELS.register_module(force=True)
class FaultyLoss(torch.nn.Module):
    def forward(self, sr, gt):
        left, right = sr
        return (left - right).mean()


@MODELS.register_module(force=True)
class FaultyAssertion(torch.nn.Module):
    def forward(self, sr, gt):
        assert sr.shape == gt.shape[:2], "shapes differ"
"""


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("model.network.aggregator=dict(type='Faulty')", 13),
        ("model.loss.type=FaultyLoss", 19),
        ("model.loss.type=FaultyAssertion", 26),
    ],
)
def test_an_exception_in_a_forward_pass_ends_with_the_user_s_line(
    cli, tmp_path: Path, shared_dir: Path, option: str, line: int
) -> None:
    (tmp_path / "faulty_parts.py").write_text(OWN)
    config = tmp_path / "mine.py"
    config.write_text(
        '_base_ = "ignn_toolbox::edsr_tiny_x2_7k"\n'
        'custom_imports = dict(imports=["faulty_parts"])\n'
        "model = dict(network=dict(init_cfg=None))\n"
    )
    words = ["--data-root", shared_dir / "data", "--work-dir", tmp_path / "run"]
    status, _, err = cli("train", config, *words, "--cfg-options", option, "batch_size=3")
    assert status == 1
    said = err.strip().splitlines()[-1]
    assert said.startswith("ignn train: error: ")
    place = rf"/\S*/faulty_parts\.py, line {line}"
    assert re.search(rf"\(IGNN_DEBUG=1 shows the trace\); {place}$", said)


@pytest.mark.parametrize(
    ("part", "config", "said"),
    [
        ("network", dict(type="RGBEmbedder"), "RGBEmbedder is no network: it has no spec"),
        ("loss", dict(type="RGBEmbedder"), "RGBEmbedder is no loss"),
        ("loss", dict(type="PANet", channels=4, num_blocks=2), "PANet is no loss"),
        ("loss", dict(type="ImagePreprocessor"), "ImagePreprocessor is no loss"),
        ("loss", dict(type="InternalLearning"), "InternalLearning is no loss"),
        ("adapt", dict(type="L1Loss"), "adapt is L1Loss, not InternalLearning"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_registered_part_in_anothers_place_is_named(part, config, said) -> None:
    network = dict(type="EDSR", scale=2, channels=4, num_blocks=1)
    with pytest.raises(TypeError, match=said):
        MODELS.build(dict(type="Restorer", network=network) | {part: config})
