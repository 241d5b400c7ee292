"""Starts a network from another one's weights, as far as they fit.

In a config: ``model.network.init_cfg = dict(type='Pretrained', checkpoint=...)``. The paper starts
IGNN from a trained EDSR in this way.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.model import update_init_info
from torch import Tensor, nn

from ..checkpoint import CheckpointError, load_checkpoint
from ..registry import WEIGHT_INITIALIZERS
from ..weights import bare_name, check_finite, misfits, own_weights
from .importers import read_foreign
from .index import resolve

_OWN_PREFIX = "network."
_LISTED = 12


@dataclass(frozen=True)
class Takeover:
    """What a network got from a checkpoint; tensor names, in the network's order.

    Attributes:
        source: Where the weights come from.
        taken: Copied.
        fresh: In the network but not in the checkpoint: left as initialised, which a frozen
            embedder is from weights of its own.
        reshaped: In both, but of different shapes, so not copied.
        unused: In the checkpoint only.
        identity: Indices of blocks that the checkpoint has none of.
    """

    source: str
    taken: list[str]
    fresh: list[str]
    reshaped: list[str]
    unused: list[str]
    identity: list[int]

    def __str__(self) -> str:
        rest = (
            ("not in the checkpoint, left as initialised", self.fresh),
            ("of another shape, left as initialised", self.reshaped),
            ("in the checkpoint only, left out", self.unused),
        )
        lines = [f"{len(self.taken)} tensors taken from {self.source}: {_summary(self.taken)}"]
        lines += [f"{len(names)} {what}: {_summary(names)}" for what, names in rest if names]
        if self.identity:
            lines.append(f"blocks {', '.join(map(str, self.identity))} start as identity")
        return "\n  ".join(lines)


@WEIGHT_INITIALIZERS.register_module(name="Pretrained")
class Pretrained:
    """Initialises a network with `warm_start` and logs what was and was not taken over.

    Replaces mmengine's initialiser of this name, which neither knows foreign files nor complains
    when nothing fits.

    Args:
        checkpoint: See `warm_start`.
    """

    def __init__(self, checkpoint: str | Path) -> None:
        self.checkpoint = checkpoint

    def __call__(self, module: nn.Module) -> None:
        try:
            result = warm_start(module, self.checkpoint)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"the training is to start from other weights, but {error} (--cfg-options "
                "model.network.init_cfg.checkpoint=PATH; model.network.init_cfg=None starts from "
                "random weights)"
            ) from error
        print_log(str(result), logger="current")
        if hasattr(module, "_params_init_info"):
            update_init_info(module, init_info=f"Pretrained: {self.checkpoint}")


def warm_start(module: nn.Module, checkpoint: str | Path) -> Takeover:
    """Copy every tensor that a network and a checkpoint have in common.

    Blocks beyond those of the checkpoint start as identity, so that a network with more blocks, or
    with an aggregator that starts as identity, computes at first what the smaller one does.

    Args:
        module: A network, or a restorer, whose network is meant.
        checkpoint: A checkpoint of this toolbox, one of other code (see
            `zoo.importers.import_checkpoint`), or the name of a zoo model.

    Returns:
        What was and was not taken over.

    Raises:
        FileNotFoundError: There is no such file or zoo model.
        ValueError: The file is damaged or of no known kind, nothing in it fits, or a weight is not
            finite.
    """
    network: Any = getattr(module, "network", module)
    source, weights = _read(checkpoint)
    own = network.state_dict()
    taken = [n for n in own if n in weights and weights[n].shape == own[n].shape]
    result = Takeover(
        source,
        taken,
        [name for name in own if name not in weights],
        [name for name in own if name in weights and weights[name].shape != own[name].shape],
        [name for name in weights if name not in own],
        _blocks(own, beyond=weights),
    )
    if not any(name.startswith("blocks.") for name in taken):
        shapes = {name: tuple(weights[name].shape) for name in result.reshaped[:3]}
        raise CheckpointError(
            f"{source} cannot start a {type(network).__name__}: none of its blocks fits "
            f"(shapes there: {shapes or 'no tensor of the same name'}); channels and kind of "
            "network must be equal"
        )
    copied = {name: weights[name] for name in taken}
    faults = misfits({name: own[name] for name in taken}, copied, source)
    if faults is not None:  # numbers of another kind
        raise faults
    check_finite(copied, source)
    network.load_state_dict(copied, strict=False)
    for index in result.identity:
        network.blocks[index].become_identity()
    return result


def _blocks(own: Iterable[str], beyond: Iterable[str]) -> list[int]:
    """Indices of the blocks that have tensors in ``own`` and none in ``beyond``."""

    def indices(names: Iterable[str]) -> set[int]:
        return {int(name.split(".")[1]) for name in names if name.startswith("blocks.")}

    return sorted(indices(own) - indices(beyond))


def find_checkpoint(checkpoint: str | Path) -> Path:
    """The file that a path or the name of a zoo model means.

    Raises:
        FileNotFoundError: There is no such file or zoo model.
    """
    path = Path(checkpoint).expanduser()
    if path.is_file():
        return path
    if path.suffix:
        raise FileNotFoundError(f"checkpoint {path} does not exist; give a file or a zoo name")
    _, shipped = resolve(str(checkpoint))
    if shipped is None:
        raise FileNotFoundError(f"{checkpoint} is a config without weights; name a checkpoint")
    return shipped


def _read(checkpoint: str | Path) -> tuple[str, dict[str, Tensor]]:
    path = find_checkpoint(checkpoint)
    content: dict[str, Any] = load_checkpoint(path)
    state = content.get("state_dict")
    names = [name for name in state if isinstance(name, str)] if isinstance(state, Mapping) else []
    if any(bare_name(name).startswith(_OWN_PREFIX) for name in names):
        state = own_weights(content, str(path))
        return str(path), {
            name.removeprefix(_OWN_PREFIX): value
            for name, value in state.items()
            if name.startswith(_OWN_PREFIX)
        }
    imported = read_foreign(path)
    return f"{path} ({imported.kind})", imported.state_dict


def _summary(names: Iterable[str]) -> str:
    """How many tensors of each part, as in ``stem (2), blocks (128)``."""
    counts = Counter(_part(name) for name in names)
    parts = [f"{part} ({count})" for part, count in counts.items()]
    more = f" and {len(parts) - _LISTED} more" if len(parts) > _LISTED else ""
    return ", ".join(parts[:_LISTED]) + more


def _part(name: str) -> str:
    words = name.split(".")
    return ".".join(words[:2]) if words[0] == "aggregator" else words[0]
