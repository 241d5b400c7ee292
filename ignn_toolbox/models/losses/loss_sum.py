"""Several losses as one."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ...registry import MODELS


@MODELS.register_module()
class LossSum(nn.Module):
    """The sum of several losses, each times its own ``loss_weight``.

    Args:
        losses: Configs of the losses.

    Raises:
        ValueError: There is none.
    """

    def __init__(self, losses: Sequence[dict]) -> None:
        super().__init__()
        if not losses:
            raise ValueError("LossSum needs at least one loss, got none")
        self.losses = nn.ModuleList(MODELS.build(loss) for loss in losses)

    def forward(self, sr: Tensor, gt: Tensor) -> Tensor:
        """Scalar loss of ``(N, C, H, W)`` pairs.

        Raises:
            ValueError: As each loss does.
        """
        return sum(loss(sr, gt) for loss in self.losses)  # type: ignore[return-value]
