"""A loss: a scalar from two images in [0, 1]."""

from torch import Tensor, nn

from ignn_toolbox.registry import MODELS


@MODELS.register_module()
class EdgeLoss(nn.Module):
    """Mean absolute error of the pixels and of their differences to the right and downwards.

    Args:
        edge_weight: Weight of the differences.
    """

    def __init__(self, edge_weight: float = 0.1) -> None:
        super().__init__()
        self.edge_weight = edge_weight

    def forward(self, sr: Tensor, gt: Tensor) -> Tensor:
        """Return the scalar loss of (N, 3, H, W) pairs."""
        error = sr - gt
        edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
        return error.abs().mean() + self.edge_weight * edges
