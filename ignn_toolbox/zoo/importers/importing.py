"""Recognises a foreign checkpoint by its tensors and rebuilds its network in this toolbox.

A kind of checkpoint is a module with ``KIND`` (its name), ``SIGNATURE`` (tensor names by which it
is known), ``RGB_RANGE`` (the value of white in it), ``describe(state, options) -> dict`` (the
network's config, inferred from the tensors' names and shapes) and ``rename(name, state) ->
str | None`` (our name; None for a tensor that is stored twice).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ...checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from ...stored_model import build_stored
from ...version import __version__
from . import basicsr, basicsr_rcan, edsr_pytorch, ignn_authors, mmagic, rcan_authors

_KINDS = (ignn_authors, edsr_pytorch, rcan_authors, basicsr, basicsr_rcan, mmagic)
_WRAPPERS = ("net_state_dict", "params_ema", "params", "state_dict")
_GENERATOR = "generator."  # MMagic stores other things beside it


@dataclass(frozen=True)
class Options:
    """What a checkpoint's tensors do not tell; see :func:`import_checkpoint`."""

    window: int | None = 30
    num_neighbors: int = 5
    window_mode: str = "official"
    adapn: bool = True
    res_scale: float | None = None


@dataclass(frozen=True)
class Imported:
    """A foreign checkpoint in this toolbox's terms.

    Attributes:
        kind: Which code wrote it.
        network: Config of the network.
        state_dict: Weights under the network's names, for RGB in [0, 1].
    """

    kind: str
    network: dict[str, Any]
    state_dict: dict[str, Tensor]

    def build(self) -> nn.Module:
        """The network in eval mode.

        Raises:
            ValueError: The weights do not fit the inferred network; lists those.
        """
        return build_stored(
            self.network, {"state_dict": self.state_dict}, f"the {self.kind} file", given="_mean."
        ).eval()


def import_checkpoint(
    path: str | Path,
    *,
    window: int | None = 30,
    num_neighbors: int = 5,
    window_mode: str = "official",
    adapn: bool = True,
    res_scale: float | None = None,
) -> nn.Module:
    """Loads a checkpoint of other code as a network of this toolbox.

    Known are IGNN and RCAN of their authors, EDSR-PyTorch, EDSR and RCAN of BasicSR, and EDSR of
    MMagic. Scale, widths and depths are inferred from the tensors. Most of these networks work on
    0..255; first and last layers are rescaled so that the result works on [0, 1].

    Args:
        path: The file. Nothing in it is executed.
        window: IGNN's search window in key patches; None searches the whole image.
        num_neighbors: IGNN's k.
        window_mode: ``'official'`` places the window as the released code does, ``'centred'``
            around the query; they differ for x3 only.
        adapn: Whether neighbours are normalised to the query's statistics.
        res_scale: Factor of the residual blocks; by default 0.1 for IGNN and for EDSR of 256
            channels or more, else 1.

    Returns:
        The network in eval mode: ``net(lq)`` maps RGB ``(N, 3, H, W)`` in [0, 1] to ``scale`` times
        the size, not clamped. Graph networks also take `Given` parts.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, unsafe, or of no known kind.
    """
    options = Options(window, num_neighbors, window_mode, adapn, res_scale)
    return read_foreign(path, options).build()


def convert_checkpoint(
    path: str | Path, output: str | Path, options: Options = Options()
) -> Imported:
    """Writes a foreign checkpoint as one of this toolbox, which :func:`init_model` loads by path.

    Raises:
        FileExistsError: ``output`` exists.
        FileNotFoundError: There is no such file.
        ValueError: As :func:`import_checkpoint`.
    """
    if Path(output).exists():
        raise FileExistsError(f"{output} exists; remove it or choose another name")
    imported = read_foreign(path, options)
    state = imported.build().state_dict()
    meta = {
        "config": {"type": "Restorer", "network": imported.network},
        "scale": imported.network["scale"],
        "toolbox_version": __version__,
        "metrics": {},
        "imported_from": imported.kind,
    }
    weights = {f"network.{name}": value for name, value in state.items()}
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint({"meta": meta, "state_dict": weights}, output)
    return imported


def read_foreign(path: str | Path, options: Options = Options()) -> Imported:
    """Recognises and translates a foreign checkpoint.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, unsafe, or of no known kind; says what was looked for.
    """
    state = _weights(load_checkpoint(path), Path(path))
    for kind in _KINDS:
        if all(name in state for name in kind.SIGNATURE):
            try:
                network = kind.describe(state, options)
            except KeyError as error:
                raise CheckpointError(
                    f"{path} looks like a checkpoint of {kind.KIND}, but {error} is missing"
                ) from error
            return Imported(kind.KIND, network, _translated(state, kind))
    looked_for = "; ".join(f"{kind.KIND} ({', '.join(kind.SIGNATURE)})" for kind in _KINDS)
    nearest = max(_KINDS, key=lambda kind: sum(name in state for name in kind.SIGNATURE))
    found = ", ".join(list(state)[:6]) or "no tensors"
    hint = (
        f"; nearest is {nearest.KIND}" if any(name in state for name in nearest.SIGNATURE) else ""
    )
    raise CheckpointError(
        f"{path} is of no known kind. Looked for {looked_for}; found {found} ...{hint}"
    )


def _weights(content: dict[str, Any], path: Path) -> dict[str, Tensor]:
    for wrapper in _WRAPPERS:
        if isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    state = {
        name.removeprefix("module."): value
        for name, value in content.items()
        if isinstance(value, Tensor)
    }
    if any(name.startswith(_GENERATOR) for name in state):
        state = {
            name.removeprefix(_GENERATOR): value
            for name, value in state.items()
            if name.startswith(_GENERATOR)
        }
    if any(name.startswith("network.") for name in state):
        raise CheckpointError(f"{path} is a checkpoint of this toolbox already; use it as it is")
    return state


def _translated(state: dict[str, Tensor], kind: Any) -> dict[str, Tensor]:
    renamed = {kind.rename(name, state): value for name, value in state.items()}
    renamed.pop(None, None)
    return {name: _to_unit_range(name, value, kind.RGB_RANGE) for name, value in renamed.items()}


def _to_unit_range(name: str, value: Tensor, rgb_range: float) -> Tensor:
    """From a network on 0..rgb_range to one on [0, 1]; features in between keep their values.

    The input mean stays a step of its own before the zero-padded first convolution: folded into
    that convolution's bias it would be wrong at the image's border.
    """
    if name == "stem.weight":
        return value * rgb_range
    if name in ("output.weight", "output.bias", "sub_mean.bias", "add_mean.bias"):
        return value / rgb_range
    return value
