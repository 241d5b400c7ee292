"""A checkpoint's weights and the model that they are for: names, shapes, kinds, finite values."""

from collections.abc import Mapping
from typing import Any

import torch

from .checkpoint import CheckpointError

_LISTED, _LONGEST = 8, 200


def load_weights(model: torch.nn.Module, checkpoint: Mapping[str, Any], source: str) -> None:
    """Copy a checkpoint's weights into a model that they fit entirely.

    Args:
        model: The restorer, not wrapped for distributed training.
        checkpoint: What `load_checkpoint` returned.
        source: The file's name, for the message.

    Raises:
        CheckpointError: Lists the weights that are missing, left over or of another shape or kind;
            or names one that is not finite.
    """
    weights = own_weights(checkpoint, source)
    faults = misfits(model.state_dict(), weights, source)
    if faults is not None:
        raise faults
    check_finite(weights, source)
    model.load_state_dict(weights)


def check_finite(tensors: Mapping[str, torch.Tensor], source: str) -> None:
    """Raise for tensors with values that are no numbers: whatever they touch becomes none either.

    Raises:
        CheckpointError: Names the first, and says how many there are.
    """
    bad = [name for name, value in tensors.items() if not torch.isfinite(value).all()]
    if bad:
        value = tensors[bad[0]]
        count = int((~torch.isfinite(value)).sum())
        others = f" and {len(bad) - 1} more tensors" if len(bad) > 1 else ""
        raise CheckpointError(
            f"{source}: {ascii(bad[0])[1:-1][:_LONGEST]} holds values that are not finite "
            f"({count} of {value.numel()}){others}; no result can come of it, take an earlier "
            "checkpoint"
        )


def own_weights(checkpoint: Mapping[str, Any], source: str) -> dict[str, torch.Tensor]:
    """Return a checkpoint's tensors by the names that they have in a model that is not wrapped.

    Raises:
        CheckpointError: There are none, or something else is among them.
    """
    weights = checkpoint.get("state_dict", checkpoint)
    if not isinstance(weights, Mapping):
        raise CheckpointError(f"{source} holds no weights: its state_dict is {_kind(weights)}")
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise CheckpointError(
                f"{source} holds {_kind(value)} among its weights, at {ascii(name)[:60]}"
            )
    bare = {bare_name(name): value for name, value in weights.items()}
    if len(bare) < len(weights):
        raise CheckpointError(f"{source} holds a tensor twice, with and without a prefix")
    return bare


def bare_name(name: str) -> str:
    """Return a tensor's name without what wrappers put before it.

    Distributed training puts ``module.`` before all names, compilation ``_orig_mod.`` before those
    of what it compiled.
    """
    words = name.split(".")
    while len(words) > 1 and words[0] in ("module", "_orig_mod"):
        del words[0]
    return ".".join(word for word in words if word != "_orig_mod")


def misfits(
    own: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor], source: str
) -> CheckpointError | None:
    """Return the error that lists what does not fit, or None where all does.

    Args:
        own: A model's state dict; on the meta device if you like.
        weights: From `own_weights`.
        source: The file's name, for the message.
    """
    faults = [f"missing {key} {tuple(own[key].shape)}" for key in own if key not in weights]
    faults += [f"left over {ascii(key)[1:-1][:_LONGEST]}" for key in weights if key not in own]
    both = [(key, weights[key], own[key]) for key in own if key in weights]
    faults += [
        f"{key} is {tuple(theirs.shape)}, the model has {tuple(ours.shape)}"
        for key, theirs, ours in both
        if theirs.shape != ours.shape
    ]
    faults += [
        f"{key} is {theirs.dtype}, the model has {ours.dtype}"
        for key, theirs, ours in both
        if theirs.is_floating_point() != ours.is_floating_point()
        or theirs.is_complex() != ours.is_complex()
    ]
    if not faults:
        return None
    more = f"\n  and {len(faults) - _LISTED} more" if len(faults) > _LISTED else ""
    listed = "".join(f"\n  {fault}" for fault in faults[:_LISTED])
    return CheckpointError(f"{source} does not fit this model:{listed}{more}")


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
