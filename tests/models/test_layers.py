"""Layers that networks share."""

import pytest
import torch
import torch.nn.functional as F

from ignn_toolbox.models.layers import enlarge


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_enlarge_is_bilinear(factor):
    image = torch.rand(2, 3, 7, 11, dtype=torch.float64)
    wanted = F.interpolate(image, scale_factor=factor, mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarge(image, factor), wanted)
    assert enlarge(torch.full((1, 3, 1, 5), 0.3), factor).unique().tolist() == [
        torch.tensor(0.3).item()
    ]


def test_enlarge_is_the_same_at_every_place():
    image = torch.rand(1, 3, 4, 5000)
    assert torch.equal(
        enlarge(image, 3)[..., 3 * 4001 : -3], enlarge(image[..., 4000:], 3)[..., 3:-3]
    )
