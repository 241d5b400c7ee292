"""A model that learns nothing is tested and applied by its config alone."""

import numpy as np
import pytest

from ignn_toolbox.evaluation import read_results
from ignn_toolbox.images import read_image, write_image
from ignn_toolbox.models import GraphAggStar

NAME = "graph-agg-star-rgb_x2k5d30"


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (30, 34, 3), dtype=np.uint8)


def test_scores_without_a_checkpoint(cli, picture, tmp_path):
    write_image(tmp_path / "data" / "bench" / "Set5" / "a.png", picture)
    status, out, err = cli(
        "test", NAME, "--data-root", tmp_path / "data", "--out", tmp_path / "out"
    )
    assert status == 0, err
    assert "Set5 (1)" in out
    results = read_results(tmp_path / "out")
    assert [record["image"] for record in results.records] == ["a"]
    assert "checkpoint" not in results.info


def test_upscales_by_its_config(cli, picture, tmp_path):
    import torch

    write_image(tmp_path / "a.png", picture)
    status, _, err = cli("upscale", tmp_path / "a.png", "-o", tmp_path / "b.png", "--model", NAME)
    assert status == 0, err
    lq = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    expected = GraphAggStar(2, {"type": "RGBEmbedder"})(lq)[0].clamp(0, 1) * 255
    written = read_image(tmp_path / "b.png").astype(np.float32)
    assert np.abs(written - expected.permute(1, 2, 0).numpy()).max() <= 0.51


def test_model_with_weights_to_learn_wants_a_checkpoint(cli, tmp_path):
    status, _, err = cli("test", "edsr-tiny_x2c32b8_1xb4-1k_bsds-t91", "--out", tmp_path)
    assert status == 1
    assert "name a checkpoint" in err
