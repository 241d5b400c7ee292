"""Facts about this project's parts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from project_name.dataset import MarginDataset
from project_name.loss import EdgeLoss

from ignn_toolbox.apis import init_model

CONFIG = Path(__file__).parents[1] / "configs/project_name.py"


def test_the_network_starts_as_it_would_without_the_aggregator():
    network = init_model(CONFIG).network
    lq = torch.rand(1, 3, 33, 40)
    sr = network(lq)
    assert sr.shape == (1, 3, 66, 80)
    network.aggregator = None
    assert torch.equal(network(lq), sr)


def test_the_aggregator_learns():
    network = init_model(CONFIG).network
    network(torch.rand(1, 3, 16, 16)).mean().backward()
    assert network.aggregator.project.weight.grad.abs().sum() > 0


def test_the_loss_is_zero_for_equal_images_only():
    gt = torch.rand(2, 3, 8, 8)
    loss = EdgeLoss(edge_weight=0.5)
    assert loss(gt, gt) == 0
    assert loss(gt + 0.1, gt) == pytest.approx(0.1)  # a constant has no edges
    assert loss(gt.flip(3), gt) > (gt.flip(3) - gt).abs().mean()


def test_pairs_have_no_margin(tmp_path):
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(tmp_path / "a.png")
    dataset = MarginDataset(str(tmp_path), scale=2, margin=3)
    lq, gt = dataset.load_pair(dataset.get_data_info(0))
    assert (lq.shape, gt.shape) == ((6, 10, 3), (12, 20, 3))
