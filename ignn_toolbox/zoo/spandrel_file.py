"""Networks of other code that spandrel knows, as networks of this toolbox: ``spandrel:FILE``."""

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint import CheckpointError, load_checkpoint
from ..models.probe import probed_halo
from ..models.reach import Reach
from ..models.spec import NetworkSpec
from ..models.steps import Network
from ..registry import MODELS
from .foreign_file import tensors_in

PREFIX = "spandrel:"
_PURPOSES = {"SR": "super-resolution", "FaceSR": "super-resolution"}


def spandrel_file(model: Any) -> str | None:
    """Return FILE of ``spandrel:FILE``, and None for another name."""
    text = str(model) if isinstance(model, str | Path) else ""
    return text.removeprefix(PREFIX) if text.startswith(PREFIX) else None


def spandrel_config(file: str) -> dict[str, Any]:
    """Return the config of a restorer with the network of a file; its data are of its scale."""
    scale = SpandrelNetwork(file).spec.scale
    return {
        "type": "Restorer",
        "network": {"type": "SpandrelNetwork", "file": file, "scale": scale},
    }


@MODELS.register_module()
class SpandrelNetwork(Network):
    """A network that spandrel recognises by its tensors and builds; it is not trained here.

    Its tiles are exact where `probed_halo` finds how far it looks, and overlap where it does not.

    Args:
        file: Weights, read as all are: nothing in the file is executed.
        scale: The network's, for data sets of a config; any by default.

    Raises:
        ValueError: spandrel is not installed or does not know the network, it takes neither grey
            nor RGB or gives other channels, is of another scale, or the file is damaged.
        FileNotFoundError: There is no such file.
    """

    overlaps_where_unknown = True

    def __init__(self, file: str, scale: int | None = None) -> None:
        super().__init__()
        self._file = file
        with torch.device("cpu"):  # spandrel fills in what it has made, so it must be there
            self._described = _described(file)
        self.model: nn.Module = self._described.model.requires_grad_(False)
        channels = self._described.input_channels, self._described.output_channels
        if channels not in ((1, 1), (3, 3)):
            raise ValueError(f"{file}: a network of {channels[0]} to {channels[1]} channels")
        if scale not in (None, self._described.scale):
            raise ValueError(f"{file} is a network of x{self._described.scale}, not of x{scale}")
        needs = self._described.size_requirements
        self.spec = NetworkSpec(
            self._described.scale,
            channels,
            "grey" if channels[0] == 1 else "rgb",
            min_size=max(1, needs.minimum),
            multiple_of=max(1, needs.multiple_of),
            precisions=frozenset({"bfloat16"} if self._described.supports_bfloat16 else ()),
            purpose=_PURPOSES.get(self._described.purpose, "restoration"),  # type: ignore[arg-type]
            not_exported="spandrel's networks are exported by their own code",
        )
        self._halo: int | None = None

    def run(self, lq: Any, go: Any) -> Any:
        if isinstance(lq, Tensor):
            return go.local(self._call, lq, through=())
        return go.local(self._call, lq, through=(self._reach(),))

    def _call(self, lq: Tensor) -> Tensor:
        return self._described(lq)

    def _reach(self) -> Reach:
        kind = self._described.architecture.name
        if self._halo is None and self.spec.multiple_of == 1:
            self._halo = probed_halo(self._call, self.spec)
        if self._halo is None:
            raise TypeError(f"it is not known how far {kind} ({self._file}) looks")
        return Reach.within(self._halo, self.spec.scale)


def _described(file: str) -> Any:
    """Spandrel's description of the network in a file."""
    try:
        spandrel = importlib.import_module("spandrel")
    except ImportError as error:
        raise ValueError(
            f"{PREFIX}{file} needs the package spandrel ({error}): "
            "pip install 'ignn_toolbox[spandrel]'"
        ) from error
    loader = spandrel.ModelLoader()
    for tensors in tensors_in(load_checkpoint(file), file):
        try:
            described = loader.load_from_state_dict(dict(tensors.state))
        except spandrel.UnsupportedModelError:
            continue
        except Exception as error:  # its architectures read tensors in many ways
            raise CheckpointError(f"{file} holds what spandrel cannot build: {error}") from error
        if not isinstance(described, spandrel.ImageModelDescriptor):
            raise ValueError(f"{file}: a network for {described.purpose}, not for whole pictures")
        return described.eval()
    raise ValueError(f"{file} holds no network that spandrel {spandrel.__version__} knows")
