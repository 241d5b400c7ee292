"""VGG19's first two convolutions as embedder, the paper's choice."""

from __future__ import annotations

import warnings
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...checkpoint import load_checkpoint
from ...registry import MODELS
from ...weights import own_weights
from ..layers import MeanShift
from ..reach import Reach
from .frozen import FrozenEmbedder

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@MODELS.register_module()
class VGGEmbedder(FrozenEmbedder):
    """VGG19 up to relu1_2, frozen: 64 channels, full resolution, zero padding.

    The weights are read by ``init_weights()`` or come with a checkpoint of the whole network; a
    network that has neither refuses to run, so it never searches with random features unnoticed.

    Args:
        weights: Where ``init_weights()`` finds them: a path or URL of torchvision's published VGG19
            (the bare file name is looked up in torch.hub's cache, where torchvision puts it); the
            channel-normalised edition with an input layer of its own (keys ``pre.*``,
            ``conv1_1.*``, ``conv1_2.*``; published for reflection padding, zero padding is used
            here); or ``'random'`` with a fixed seed, for tests and benchmarks only.
        init_cfg: mmengine's initialisation config.
    """

    channels = 64

    def __init__(self, weights: str = "vgg19-dcbb9e9d.pth", init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.weights = weights
        self.normalise = MeanShift(
            [-m / s for m, s in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)],
            [1 / s for s in IMAGENET_STD],
        )
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1)
        self.requires_grad_(False)

    def read_weights(self) -> None:
        """Read ``weights``.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It holds no VGG19.
        """
        if self.weights == "random":
            warnings.warn(
                "VGGEmbedder(weights='random'): the patch graph is searched in random features",
                stacklevel=3,
            )
            generator = torch.Generator().manual_seed(0)
            with torch.no_grad():
                for conv in (self.conv1, self.conv2):
                    spread = (2 / conv.weight[0].numel()) ** 0.5
                    noise = torch.randn(conv.weight.shape, generator=generator)
                    conv.weight.copy_(noise * spread)
                    assert conv.bias is not None
                    conv.bias.zero_()
        else:
            self.load_state_dict(_translate(_read(self.weights), self.weights), strict=False)

    def embed(self, image: Tensor) -> Tensor:
        x = F.relu(self.conv1(self.normalise(image)), inplace=True)
        return F.relu(self.conv2(x), inplace=True)

    def reach(self) -> Reach:
        """That of both convolutions."""
        return Reach.of(self.conv1, self.conv2)


def _read(weights: str) -> dict[str, Tensor]:
    if "://" in weights:
        path = (
            Path(torch.hub.get_dir()) / "checkpoints" / PurePosixPath(urlsplit(weights).path).name
        )
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(weights, str(path))
        weights = str(path)
    path = Path(weights)
    if not path.is_file() and path.name == weights:
        path = Path(torch.hub.get_dir()) / "checkpoints" / weights
    if not path.is_file():
        raise FileNotFoundError(
            f"VGGEmbedder needs the weights {weights!r}, and {path} does not exist. Get "
            "torchvision's published vgg19 checkpoint and give its path or URL "
            "(--cfg-options model.network.aggregator.embedder.weights=PATH), load a checkpoint of "
            "the whole network, or choose another embedder"
        )
    return own_weights(load_checkpoint(path), str(path))


def _translate(state: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    """Rename what a VGG19 file calls its first layers."""
    names = {
        "features.0.": "conv1.",
        "features.2.": "conv2.",
        "conv1_1.": "conv1.",
        "conv1_2.": "conv2.",
        "pre.": "normalise.",
    }
    ours = {
        new + key.removeprefix(old): value
        for key, value in state.items()
        for old, new in names.items()
        if key.startswith(old)
    }
    missing = {"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"} - ours.keys()
    if missing:
        found = ", ".join(ascii(name)[1:-1] for name in sorted(state)[:6])
        raise ValueError(
            f"{source} holds no VGG19: looked for features.0/features.2 (torchvision) or "
            f"conv1_1/conv1_2 (channel-normalised), found {found} ..."
        )
    return ours
