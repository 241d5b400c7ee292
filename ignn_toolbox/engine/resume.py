"""What may and may not change between a run and its continuation."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..checkpoint import CheckpointError, meta_of

# Sections that decide the numbers of a run; the rest (logging, validation, paths) may change.
_DECISIVE = (
    "auto_scale_lr",
    "channels_last",
    "data_preprocessor",
    "model",
    "optim_wrapper",
    "param_scheduler",
    "randomness",
    "train_dataloader",
    "custom_hooks",
)
# Keys inside them that do not: where the data lie, and how they are brought in.
_INDIFFERENT = frozenset(
    {
        "cache",
        "cache_dir",
        "data_root",
        "num_workers",
        "persistent_workers",
        "pin_memory",
        "prefetch_factor",
    }
)
_MISSING = "(not set)"
_LONGEST = 200
_MOST_VALUES, _DEEPEST = 100_000, 50  # of a training's config


def check_same_run(meta: Mapping[str, Any], runner: Any, name: str) -> None:
    """Compare the config that a checkpoint was trained with to the runner's.

    Raises:
        ValueError: Lists what differs, unless the runner allows a change; then it is logged.
    """
    before = _training_config(meta)
    changes = list(config_changes(before, plain(runner.cfg.to_dict())))
    if not changes:
        return
    listed = "".join(f"\n  {change}" for change in changes)
    if not runner.allow_config_change:
        raise ValueError(
            f"{name} was trained under another config:{listed}\n"
            "give --allow-config-change to go on all the same"
        )
    runner.logger.warning(f"The config has changed since {name}:{listed}")


def config_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield ``place: old -> new`` for each difference that changes a run's numbers."""
    for section in _DECISIVE:
        yield from _differences(before.get(section), after.get(section), section)


def run_digest(config: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits that tell runs apart whose numbers differ: their length included."""
    content = {key: plain(config[key]) for key in (*_DECISIVE, "train_cfg") if key in config}
    text = json.dumps(_without(content, _INDIFFERENT), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def continue_schedules(
    runner: Any, checkpoint: Mapping[str, Any], fresh: list[dict[str, Any]]
) -> None:
    """Give the schedules their state back.

    Where a change of the schedules or the optimizer was allowed, the new ones are brought to the
    run's iteration instead.

    Args:
        runner: The runner; its optimizer has its state already.
        checkpoint: The checkpoint that is resumed.
        fresh: The settings (learning rate, betas, ...) that the config gives each parameter group.
    """
    schedulers = runner.param_schedulers or []
    before = _training_config(meta_of(checkpoint))
    if schedules_restart(runner, checkpoint):
        _restart_schedules(runner, schedulers, fresh)
        return
    for scheduler, state in zip(schedulers, checkpoint["param_schedulers"], strict=True):
        scheduler.load_state_dict(state)
    _tell_extension(runner, before, schedulers)


def schedules_restart(runner: Any, checkpoint: Mapping[str, Any]) -> bool:
    """Tell whether the config's schedules replace the checkpoint's, after a change of either."""
    before, now = _training_config(meta_of(checkpoint)), plain(runner.cfg.to_dict())
    sections = ("param_scheduler", "optim_wrapper")
    changed = any(before.get(section) != now.get(section) for section in sections)
    return changed and runner.allow_config_change


def plain(node: Any) -> Any:
    """A copy of a config or state in tensors and the types that JSON has (tuples become lists)."""
    if isinstance(node, Mapping):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [plain(value) for value in node]
    if node is None or isinstance(node, bool | int | float | str):
        return node
    if hasattr(node, "item") and getattr(node, "size", None) == 1:
        return node.item()
    return str(node)


def _restart_schedules(runner: Any, schedulers: list[Any], fresh: list[dict[str, Any]]) -> None:
    optimizer = runner.optim_wrapper.optimizer
    for group, settings in zip(optimizer.param_groups, fresh, strict=True):
        group.update(settings)
    for scheduler in schedulers:
        for _ in range(min(runner.iter, runner.max_iters)):  # the first came out of a file
            scheduler.step()
    rate = optimizer.param_groups[0]["lr"]
    runner.logger.info(
        f"The schedule of the new config takes over at iteration {runner.iter}: lr {rate:.3g}"
    )


def _tell_extension(runner: Any, before: Mapping[str, Any], schedulers: list[Any]) -> None:
    old = (before.get("train_cfg") or {}).get("max_iters")
    if old is None or old == runner.max_iters:
        return
    ends = [f"{type(s).__name__} ends at {s.end}" for s in schedulers if s.end < runner.max_iters]
    after = f"{'; '.join(ends)}, and the rate stays as it is then" if ends else "it goes on"
    runner.logger.warning(
        f"max_iters was {old} and is now {runner.max_iters}; the learning-rate schedule is the "
        f"one the run began with: {after}. To stretch it, change param_scheduler and give "
        "--allow-config-change"
    )


def _without(node: Any, keys: frozenset[str]) -> Any:
    if isinstance(node, dict):
        return {key: _without(value, keys) for key, value in node.items() if key not in keys}
    if isinstance(node, list):
        return [_without(value, keys) for value in node]
    return node


def _training_config(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The config that a checkpoint was trained with, as far as it is one.

    Raises:
        CheckpointError: It is nested without end.
    """
    config = meta.get("training_config")
    if not isinstance(config, Mapping):
        return {}
    values, waiting = 0, [(config, 0)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, Mapping | list | tuple):
            values += len(node)
            inside = node.values() if isinstance(node, Mapping) else node
            waiting.extend((value, depth + 1) for value in inside)
        if values > _MOST_VALUES or depth > _DEEPEST:
            raise CheckpointError("the checkpoint's training_config is nested without end")
    return plain(config)


def _differences(before: Any, after: Any, place: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after} - _INDIFFERENT):
            old, new = before.get(key, _MISSING), after.get(key, _MISSING)
            yield from _differences(old, new, f"{place}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{place}[{index}]")
    elif before != after:
        yield f"{_shown(place)}: {_shown(before)} -> {_shown(after)}"


def _shown(value: Any) -> str:
    """A value on one line of a message: what is in it came out of a file."""
    text = str(value)
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
