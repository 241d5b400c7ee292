"""Whether the training state in a checkpoint can be that of a run: checked field by field.

Whoever wrote a checkpoint wrote this state too. It is compared with the run's own, which has the
same form, before any of it is taken over.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ..checkpoint import CheckpointError
from ..weights import check_finite, own_weights

_LARGEST = 2**62  # of a count
_LIKE_PARAMETERS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer")


def check_resume_state(
    checkpoint: Mapping[str, Any],
    own: Mapping[str, Any],
    parameters: Sequence[Tensor],
    name: str,
    *,
    schedules: bool,
) -> None:
    """Raise where a checkpoint's training state is not of the form of the run's own.

    Args:
        checkpoint: With ``loop``, ``optimizer`` and ``param_schedulers``.
        own: The same entries as the run would write them now.
        parameters: What the optimizer updates, in its order.
        name: The checkpoint's file, for the message.
        schedules: Whether the schedules' state is to be taken over.

    Raises:
        CheckpointError: Names the field, its value, and what it should be.
    """
    checker = _Checker(name)
    checker.loop(checkpoint["loop"], own["loop"])
    checker.optimizer(checkpoint["optimizer"], own["optimizer"], parameters)
    if schedules:
        checker.form(checkpoint["param_schedulers"], own["param_schedulers"], "param_schedulers")
    check_finite(own_weights(checkpoint, name), name)
    if "ema_state_dict" in checkpoint:
        checker.average(checkpoint["ema_state_dict"], checkpoint["state_dict"])


class _Checker:
    def __init__(self, name: str) -> None:
        self.name = name

    def loop(self, state: Any, own: Mapping[str, int]) -> None:
        self.keys(state, own, "loop")
        for key in own:
            self.count(state[key], f"loop.{key}")
        if state["validated"] > state["iter"] or state["samples_drawn"] < state["iter"]:
            raise self.fault("loop", state, "counts that fit each other")

    def optimizer(self, state: Any, own: Mapping[str, Any], parameters: Sequence[Tensor]) -> None:
        self.mapping(state, "optimizer")
        for key in ("state", "param_groups"):
            if key not in state:
                raise self.fault(f"optimizer.{key}", None, "what an optimizer has")
        groups, own_groups = state["param_groups"], own["param_groups"]
        if not isinstance(groups, list) or len(groups) != len(own_groups):
            raise self.fault("optimizer.param_groups", groups, f"{len(own_groups)} groups")
        for index, (group, own_group) in enumerate(zip(groups, own_groups, strict=True)):
            place = f"optimizer.param_groups[{index}]"
            self.mapping(group, place)
            if group.get("params") != own_group["params"]:
                raise self.fault(f"{place}.params", group.get("params"), "the run's parameters")
            for key, value in group.items():
                if key in own_group:
                    self.form(value, own_group[key], f"{place}.{key}")
                else:
                    self.plain(value, f"{place}.{key}")
            if not isinstance(group.get("lr"), int | float) or group["lr"] < 0:
                raise self.fault(f"{place}.lr", group.get("lr"), "a learning rate")
        self.mapping(state["state"], "optimizer.state")
        for index, entries in state["state"].items():
            place = f"optimizer.state.{index}"
            if not isinstance(index, int) or not 0 <= index < len(parameters):
                raise self.fault(place, entries, "the state of one of the run's parameters")
            self.mapping(entries, place)
            for key, value in entries.items():
                self.moment(value, key, parameters[index], f"{place}.{key}")
        self.guard(state.get("guard") or {}, own["guard"])
        scale = state.get("loss_scaler") or {}
        self.mapping(scale, "optimizer.loss_scaler")
        for key, value in scale.items():
            self.plain(value, f"optimizer.loss_scaler.{key}")

    def guard(self, state: Any, own: Mapping[str, Any]) -> None:
        if not state:
            return
        self.keys(state, own, "optimizer.guard")
        for key in ("skipped", "in_a_row"):
            self.count(state[key], f"optimizer.guard.{key}")
        self.keys(state["recent"], own["recent"], "optimizer.guard.recent")
        for key, values in state["recent"].items():
            if not isinstance(values, list) or len(values) > 1000:
                raise self.fault(f"optimizer.guard.recent.{key}", values, "recent figures")
            for value in values:
                self.number(value, f"optimizer.guard.recent.{key}")

    def moment(self, value: Any, key: str, parameter: Tensor, place: str) -> None:
        if not isinstance(value, Tensor):
            if key in _LIKE_PARAMETERS:
                raise self.fault(place, value, "a tensor")
            if value is not None:
                self.number(value, place)
            return
        fits = value.shape == parameter.shape or value.numel() <= 1
        if not fits and (key in _LIKE_PARAMETERS or value.numel() > parameter.numel()):
            raise self.fault(place, tuple(value.shape), f"the shape {tuple(parameter.shape)}")
        if value.is_complex() != parameter.is_complex():
            raise self.fault(place, value.dtype, f"numbers like {parameter.dtype}")
        check_finite({place: value}, self.name)

    def average(self, state: Any, weights: Any) -> None:
        """The moving average of the weights, which the checkpoint holds in their place."""
        self.mapping(state, "ema_state_dict")
        self.mapping(weights, "state_dict")
        for key, value in state.items():
            place = f"ema_state_dict.{key}"
            if not isinstance(key, str) or not isinstance(value, Tensor):
                raise self.fault(place, value, "a tensor")
            other = weights.get(key.removeprefix("module."), value)
            if not isinstance(other, Tensor) or other.shape != value.shape:
                raise self.fault(place, tuple(value.shape), "the shape of the weights")
            if key.startswith("module.") and key.removeprefix("module.") not in weights:
                raise self.fault(place, tuple(value.shape), "the average of one of the weights")
            check_finite({place: value}, self.name)

    def form(self, value: Any, own: Any, place: str) -> None:
        """Compare a value's type with the run's own, element by element; numbers must be finite."""
        if isinstance(own, Mapping) and all(isinstance(key, int) for key in own):
            self.mapping(value, place)  # a counter: its keys are milestones
            for key, count in value.items():
                self.count(key, place)
                self.count(count, f"{place}.{key}")
        elif isinstance(own, Mapping):
            self.keys(value, own, place)
            for key in own:
                self.form(value[key], own[key], f"{place}.{key}")
        elif isinstance(own, list | tuple):
            if not isinstance(value, list | tuple) or len(value) != len(own):
                raise self.fault(place, value, f"{len(own)} values")
            for index, (theirs, ours) in enumerate(zip(value, own, strict=True)):
                self.form(theirs, ours, f"{place}[{index}]")
        elif isinstance(own, bool):
            if not isinstance(value, bool):
                raise self.fault(place, value, "true or false")
        elif isinstance(own, int | float):
            self.number(value, place)
        elif own is None:
            self.plain(value, place)
        elif isinstance(own, Tensor):
            self.moment(value, place, own, place)
        elif value != own:  # a name or a function
            raise self.fault(place, value, ascii(own))

    def keys(self, value: Any, own: Mapping[str, Any], place: str) -> None:
        self.mapping(value, place)
        if value.keys() != own.keys():
            listed = sorted(map(str, own))
            raise self.fault(place, sorted(map(str, value)), f"the keys {', '.join(listed)}")

    def mapping(self, value: Any, place: str) -> None:
        if not isinstance(value, Mapping):
            raise self.fault(place, value, "a mapping")

    def count(self, value: Any, place: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
            raise self.fault(place, value, "a count")

    def number(self, value: Any, place: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fault(place, value, "a number")
        if not math.isfinite(value):
            raise self.fault(place, value, "a finite number")

    def plain(self, value: Any, place: str) -> None:
        """None, a flag, a name, a finite number, or a few of them."""
        if isinstance(value, list | tuple) and len(value) <= 100:
            for item in value:
                self.plain(item, place)
        elif isinstance(value, Tensor):
            self.moment(value, place, value, place)
        elif value is not None and not isinstance(value, bool | str):
            self.number(value, place)

    def fault(self, place: str, value: Any, wanted: str) -> CheckpointError:
        shown = ascii(value) if isinstance(value, int | float | str | tuple) else ""
        kind = "None" if value is None else f"a {type(value).__name__} {shown[:60]}".rstrip()
        return CheckpointError(
            f"{self.name} cannot be resumed: its {ascii(place)[1:-1][:100]} is {kind}, not {wanted}"
        )
