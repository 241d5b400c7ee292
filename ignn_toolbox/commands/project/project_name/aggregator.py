"""An aggregator: what a network adds to its features from all over the picture."""

from torch import nn

from ignn_toolbox.models import Aggregator
from ignn_toolbox.registry import MODELS


@MODELS.register_module()
class GlobalContext(Aggregator):
    """Adds to every place what the mean of the whole picture's features tells.

    An aggregator has two halves. `prepare` sees the whole picture once; `attend` makes the results
    of one region, which is how pictures larger than memory are restored. ``scales`` says how large
    the results are: 1 for one that replaces the features.

    Args:
        channels: Channels of the features.
        init_cfg: mmengine's initialisation config.
    """

    scales = (1,)

    def __init__(self, channels: int, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.project = nn.Conv2d(channels, channels, 1)
        for parameter in self.project.parameters():
            nn.init.zeros_(parameter)  # the network starts as it would without

    def prepare(self, features, image, *, given=None, allocate=None):
        """Return the context (N, C, 1, 1) of features (N, C, H, W) and their LR image."""
        return self.project(features.mean((2, 3), keepdim=True))

    def attend(self, prepared, features, place):
        """Return the new features of a region."""
        return features + prepared
