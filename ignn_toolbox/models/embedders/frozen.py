"""What embedders with weights of another training share."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor, nn


class FrozenEmbedder(BaseModule):
    """An embedder that is never trained, and refuses to run before it has its weights.

    They are read by ``init_weights()``, or come with a checkpoint of the whole network. A subclass
    makes its layers, then calls ``requires_grad_(False)``.

    Args:
        init_cfg: mmengine's initialisation config.
    """

    channels: int

    def __init__(self, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self._ready = False

    def read_weights(self) -> None:
        """Read the weights from where the config says, or say what is missing."""
        raise NotImplementedError

    def embed(self, image: Tensor) -> Tensor:
        """``(N, 3, H, W)`` in [0, 1] to ``(N, D, H, W)``, with weights in place."""
        raise NotImplementedError

    def init_weights(self) -> None:
        """Read the weights, unless a checkpoint has brought them."""
        if not self._ready:
            self.read_weights()
            self._ready = True

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:  # type: ignore[no-untyped-def]
        super()._load_from_state_dict(state_dict, prefix, *args)
        if all(f"{prefix}{name}" in state_dict for name in self.state_dict()):
            self._ready = True

    def train(self, mode: bool = True) -> nn.Module:
        """Stay frozen, also after ``requires_grad_(True)`` on the whole network."""
        self.requires_grad_(False)
        return super().train(mode)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, 3, H, W)`` in [0, 1] to ``(N, D, H, W)``; reads the weights if need be."""
        self.init_weights()
        return self.embed(image)
