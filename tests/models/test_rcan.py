"""RCAN computes what its authors' code computes."""

import pytest
import torch

from ignn_toolbox.models import RCAN


def test_published_size_at_x2():
    with torch.device("meta"):
        net = RCAN(scale=2)
    assert sum(p.numel() for p in net.parameters()) == 15_444_667


@pytest.mark.parametrize("reduction", [0, 9])
def test_impossible_reduction_is_named(reduction):
    with pytest.raises(ValueError, match=rf"reduction={reduction} must lie in 1\.\.8"):
        RCAN(scale=2, channels=8, num_groups=1, num_blocks=1, reduction=reduction)
