"""Recognise a foreign checkpoint by its tensors, and rebuild its network in this toolbox.

What a kind of checkpoint is known and translated by, its network's class carries: see
`models.foreign`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from ..checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from ..models.foreign import DEFAULTS, Foreign, Options
from ..registry import MODELS
from ..stored_model import build_stored
from ..version import __version__
from .foreign_file import Tensors, tensors_in


@dataclass(frozen=True)
class Imported:
    """A foreign checkpoint in this toolbox's terms.

    Attributes:
        kind: Which code wrote it.
        network: Config of the network.
        state_dict: Weights under the network's names, for pictures in [0, 1].
    """

    kind: str
    network: dict[str, Any]
    state_dict: dict[str, Tensor]

    def build(self) -> nn.Module:
        """Build the network, in eval mode.

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
    identity_scale: float | None = None,
    sampling: Literal["torch1", "torch2"] | None = None,
    steps: int | None = None,
    scale: int | None = None,
) -> nn.Module:
    """Load a checkpoint of other code as a network of this toolbox.

    Scale, widths and depths are inferred from the tensors; what they do not tell are the arguments.
    Networks on 0..255 are rescaled to [0, 1].

    Args:
        path: The file. Nothing in it is executed.
        window: IGNN's search window in key patches; ``None`` searches the whole image.
        num_neighbors: IGNN's k.
        window_mode: ``'official'`` places the window as the released code does, ``'centred'``
            around the query; they differ for x3 only.
        adapn: Whether neighbours are normalised to the query's statistics.
        res_scale: Factor of the residual blocks; by default 0.1 for IGNN and for EDSR of 256
            channels or more, else 1.
        identity_scale: Factor of the identity beside a pyramid attention; by default
            ``res_scale``'s value for PA-EDSR, 1 for PANet.
        sampling: Interpolation in PANet's pyramid: ``'torch1'``, as it was trained, or
            ``'torch2'``.
        steps: How often a recurrent network runs.
        scale: Of a network that serves several.

    Returns:
        The network in eval mode: ``net(lq)`` maps ``(N, C, H, W)`` in [0, 1], in the colour that
        its ``spec`` says, to ``scale`` times the size, not clamped. Graph networks also take
        `Given` parts.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, unsafe, or of no known kind, or an argument means nothing
            to it.

    Examples:
        >>> import torch
        >>> weights = {"input.weight": torch.zeros(8, 1, 3, 3)}  # as VDSR's are named elsewhere
        >>> weights["residual_layer.0.conv.weight"] = torch.zeros(8, 8, 3, 3)
        >>> weights["output.weight"] = torch.zeros(1, 8, 3, 3)
        >>> torch.save(weights, "vdsr.pth")
        >>> network = import_checkpoint("vdsr.pth", scale=2)
        >>> type(network).__name__, network.spec.colour
        ('VDSR', 'luma')
    """
    options = Options(
        window=window,
        num_neighbors=num_neighbors,
        window_mode=window_mode,
        adapn=adapn,
        res_scale=res_scale,
        identity_scale=identity_scale,
        sampling=sampling,
        steps=steps,
        scale=scale,
    )
    return read_foreign(path, options).build()


def convert_checkpoint(
    path: str | Path, output: str | Path, options: Options = DEFAULTS
) -> tuple[Imported, nn.Module]:
    """Write a foreign checkpoint as one of this toolbox, which `init_model` loads by path.

    Returns:
        What was read, and the network.

    Raises:
        FileExistsError: ``output`` exists.
        FileNotFoundError: There is no such file.
        ValueError: As `import_checkpoint`.
    """
    if Path(output).exists():
        raise FileExistsError(f"{output} exists; remove it or choose another name")
    imported = read_foreign(path, options)
    network = imported.build()
    spec: Any = network.spec
    meta = {
        "config": {"type": "Restorer", "network": imported.network},
        "scale": spec.scale,
        "toolbox_version": __version__,
        "metrics": {},
        "imported_from": imported.kind,
    }
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint({"meta": meta, "state_dict": weights}, output)
    return imported, network


def read_foreign(path: str | Path, options: Options = DEFAULTS) -> Imported:
    """Recognise and translate a foreign checkpoint.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: As `import_checkpoint`; says what was looked for.
    """
    places = tensors_in(load_checkpoint(path), str(path))
    kinds = foreign_kinds()
    for place in places:
        state = place.state
        fitting = [kind for kind in kinds if kind[1].found(state) == len(kind[1].signature)]
        if fitting:
            break
    else:
        raise _unknown(path, places, [kind for _, kind in kinds])
    network, kind = max(fitting, key=lambda kind: len(kind[1].signature))
    strange = sorted(options.told().keys() - set(kind.options))
    if strange:
        raise ValueError(f"{path}: {', '.join(strange)} means nothing to {kind.kind} checkpoints")
    try:
        config = {"type": network, **kind.describe(state, options)}
        weights = kind.translated(state, options)
    except KeyError as error:
        raise CheckpointError(
            f"{path} looks like a checkpoint of {kind.kind}, but {error} is missing"
        ) from error
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except Exception as error:  # shapes that no network of this kind has fail in many ways
        words = str(error).splitlines()
        raise CheckpointError(
            f"{path} looks like a checkpoint of {kind.kind}, but its tensors are not: "
            f"{words[0] if words else type(error).__name__}"
        ) from error
    return Imported(kind.kind, config, weights)


def foreign_kinds() -> list[tuple[str, Foreign]]:
    """The kinds of checkpoints that are known, each with the name of the class that carries it."""
    MODELS.import_from_location()
    return [
        (name, kind)
        for name, component in MODELS.module_dict.items()
        for kind in vars(component).get("foreign", ())
    ]


def _unknown(path: str | Path, places: list[Tensors], kinds: list[Foreign]) -> CheckpointError:
    if any(name.startswith("network.") for place in places for name in place.state):
        return CheckpointError(f"{path} is a checkpoint of this toolbox already; use it as it is")
    if not places:
        return CheckpointError(f"{path} is of no known kind: it holds no tensors with names")
    looked_for = "; ".join(f"{kind.kind} ({', '.join(kind.signature)})" for kind in kinds)
    likeness, place, nearest = max(
        (
            (kind.found(place.state) / len(kind.signature), place, kind)
            for place in places
            for kind in kinds
        ),
        key=lambda found: found[0],
    )
    found = ", ".join(ascii(name)[1:-1][:200] for name in list(place.state)[:6])
    hint = f"; nearest is {nearest.kind}" if likeness else ""
    return CheckpointError(
        f"{path} is of no known kind. Looked for {looked_for}; found in {place} {found} ...{hint}"
    )
