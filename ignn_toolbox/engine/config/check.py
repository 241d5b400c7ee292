"""Checks a config before anything is built: unknown keys, misspelt types, values that do not fit.

What a component accepts is read from its ``__init__`` and its annotations, so the check knows
every registered class, also those that a user adds.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from mmengine.registry import Registry
from mmengine.runner.priority import Priority
from torch import nn
from torch.utils.data import DataLoader

from ...files import nearest
from ...registry import (
    DATA_SAMPLERS,
    DATASETS,
    DEGRADATIONS,
    EVALUATOR,
    FUNCTIONS,
    HOOKS,
    LOG_PROCESSORS,
    LOOPS,
    METRICS,
    MODEL_WRAPPERS,
    MODELS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    SCOPE,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
    WEIGHT_INITIALIZERS,
)
from .modules import CustomImports
from .values import misfit, parameter_types, unknown

# Top-level sections that hold components, and where their types are registered.
_COMPONENTS = {
    "model": MODELS,
    "data_preprocessor": MODELS,
    "train_cfg": LOOPS,
    "val_cfg": LOOPS,
    "test_cfg": LOOPS,
    "val_evaluator": METRICS,
    "test_evaluator": METRICS,
    "optim_wrapper": OPTIM_WRAPPERS,
    "param_scheduler": PARAM_SCHEDULERS,
    "default_hooks": HOOKS,
    "custom_hooks": HOOKS,
    "visualizer": VISUALIZERS,
    "log_processor": LOG_PROCESSORS,
    "model_wrapper_cfg": MODEL_WRAPPERS,
}
# Those that may be lists of components; the others are one each, default_hooks one a name.
_LISTS = ("val_evaluator", "test_evaluator", "param_scheduler", "custom_hooks")
_MAY_BE_EMPTY = ("param_scheduler", "custom_hooks")
DATALOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


class _Randomness(TypedDict):
    seed: int | None
    diff_rank_seed: bool
    deterministic: bool


class _Processes(TypedDict):
    mp_start_method: Literal["fork", "spawn", "forkserver"]
    opencv_num_threads: int


class _Environment(TypedDict):
    cudnn_benchmark: bool
    mp_cfg: _Processes
    dist_cfg: dict
    resource_limit: int


class _ScaledRate(TypedDict):
    enable: bool
    base_batch_size: int


class _Compilation(TypedDict):
    backend: str
    disable: bool
    dynamic: bool | None
    fullgraph: bool
    mode: str | None
    options: dict | None
    target: str


class _Multipliers(TypedDict):
    decay_mult: float
    lr_mult: float


class _Paramwise(TypedDict):
    bias_decay_mult: float
    bias_lr_mult: float
    bypass_duplicate: bool
    custom_keys: dict[str, _Multipliers]
    dcn_offset_lr_mult: float
    dwconv_decay_mult: float
    flat_decay_mult: float
    norm_decay_mult: float


class _Values(TypedDict):
    """Top-level sections without components."""

    activation_checkpointing: list | dict | str | None
    auto_scale_lr: _ScaledRate | None
    batch_size: int
    channels_last: bool
    compile: bool | _Compilation
    custom_imports: CustomImports | None
    data_root: str
    device: str | None
    default_scope: Literal["ignn_toolbox"]
    env_cfg: _Environment
    find_unused_parameters: bool
    load_from: str | None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | int
    lq_size: int | dict[str, int]
    randomness: _Randomness
    work_dir: str | None


TOP_LEVEL_KEYS = tuple(sorted({*_COMPONENTS, *DATALOADERS, *_Values.__annotations__}))
# What mmengine reads from a config, and a run takes from its command.
_OF_THE_COMMAND = {
    "experiment_name": "name the run by its --work-dir",
    "launcher": "give `--launcher pytorch` or `slurm`",
    "resume": "give `--resume`",
}

# A key inside a component whose types live elsewhere than the component's own.
_ONE = {
    "batch_sampler": DATA_SAMPLERS,
    "dataset": DATASETS,
    "init_cfg": WEIGHT_INITIALIZERS,
    "optimizer": OPTIMIZERS,
    "sampler": DATA_SAMPLERS,
}
_MANY = {
    "datasets": DATASETS,
    "degradations": DEGRADATIONS,
    "metrics": METRICS,
    "pipeline": TRANSFORMS,
    "transforms": TRANSFORMS,
    "vis_backends": VISBACKENDS,
}
_NAMES = {
    "collate_fn": FUNCTIONS,
    "constructor": OPTIM_WRAPPER_CONSTRUCTORS,
    "worker_init_fn": FUNCTIONS,
}
_NESTED = {**_ONE, **_MANY, **_NAMES}
# Keys that mmengine takes out of a component's config before it builds the component.
_TAKEN_BY_MMENGINE: dict[Registry, dict[str, Any]] = {
    HOOKS: {"priority": int | Literal[tuple(Priority.__members__)]},  # type: ignore[misc]
    OPTIM_WRAPPERS: {
        "constructor": str,
        "optimizer": dict,
        "paramwise_cfg": _Paramwise | None,
    },
    PARAM_SCHEDULERS: {"convert_to_iter_based": bool},
}
# What mmengine takes for a loader, and what torch does not annotate in all of its versions.
_DATALOADER_EXTRAS = {
    "batch_sampler": dict | None,
    "batch_size": int,
    "collate_fn": Any,
    "drop_last": bool,
    "num_batch_per_epoch": int | None,
    "num_workers": int,
    "persistent_workers": bool,
    "pin_memory": bool,
    "prefetch_factor": int | None,
    "timeout": float,
    "worker_init_fn": Any,
}


def check_config(config: Mapping[str, Any]) -> None:
    """Raise for the first key, type or value in a config that means nothing.

    Top-level names that begin with an underscore are the config's own helper variables. A class
    given as a ``type`` is replaced by the name that it is registered under.

    Raises:
        ValueError: Names the place, and the nearest valid name or what belongs there.
    """
    for key in config:
        if key in _OF_THE_COMMAND:
            raise ValueError(f"`{key}` in a config does nothing; {_OF_THE_COMMAND[key]}")
        if not key.startswith("_") and key not in TOP_LEVEL_KEYS:
            hint = "helper variables begin with an underscore"
            raise ValueError(unknown("key", key, "the config", TOP_LEVEL_KEYS, hint))
    for key, wanted in _Values.__annotations__.items():
        if key in config:
            _refuse(misfit(config[key], wanted, key))
    _check_seed(config)
    for key in DATALOADERS:
        for place, loader in _some(config.get(key), key):
            if not isinstance(loader, Mapping) or loader.get("dataset") is None:
                raise ValueError(f"{place} must be dict(dataset=dict(type=...), ...)")
            types = _accepted(DataLoader)[0] | _DATALOADER_EXTRAS
            _check_values(loader, types, place)
            _check_children(loader, DATASETS, place)
    for key, registry in _COMPONENTS.items():
        section = config.get(key)
        if key == "default_hooks":
            _refuse(misfit(section, dict[str, dict | None] | None, key))
            for name, hook in (section or {}).items():
                _check_component(hook, registry, f"{key}.{name}")
            continue
        pairs = _some(section, key) if key in _LISTS else [(key, section)]
        for place, node in pairs:
            _check_component(node, registry, place)


def accepted_keys(component: Any) -> set[str] | None:
    """The config keys that a class or function takes, those of its bases included.

    Returns:
        None for a class that takes any key and hands it to no base, as mmengine's ``EMAHook``.
    """
    types, rest = _accepted(component)
    return None if rest and types else set(types)


def find_type(type_: Any, registry: Registry, place: str) -> Any:
    """The class or function that a config's ``type`` names.

    Raises:
        ValueError: Nothing is registered under this name.
    """
    return _registered(registry)[_type_name(type_, registry, place)]


def _type_name(type_: Any, registry: Registry, place: str) -> str:
    """The name under which a ``type`` is registered, without a scope."""
    known = _registered(registry)
    if not isinstance(type_, str):
        for name, component in known.items():
            if component is type_ and callable(type_):
                return name
        raise ValueError(
            f"{place}.type must be the name of a registered {registry.name}, got {type_!r}"
        )
    scope, _, name = type_.rpartition(".")
    own, parents = registry.module_dict, _registered(registry.parent)
    if name not in {"": known, SCOPE: own, "mmengine": parents}.get(scope, ()):
        near = nearest(name, known)
        raise ValueError(
            unknown(registry.name, type_, f"{place}.type", known if near or not own else own)
        )
    return name


def _check_component(node: Any, registry: Registry, place: str) -> None:
    """Check a component's config; None, and what is built already, are left alone."""
    if node is None or not isinstance(node, Mapping | Sequence | int | float):
        return
    if not isinstance(node, Mapping):
        raise ValueError(f"{place} must be dict(type=...), got {node!r}")
    owner = EVALUATOR if registry is METRICS and "metrics" in node else registry
    if owner is OPTIM_WRAPPERS:
        node.setdefault("type", "OptimWrapper")  # type: ignore[attr-defined]
    if "type" not in node:
        known = ", ".join(sorted(owner.module_dict or _registered(owner)))
        raise ValueError(f"{place} has no `type`; known: {known}")
    name = _type_name(node["type"], owner, place)
    if not isinstance(node["type"], str):
        node["type"] = name  # type: ignore[index]
    component = _registered(owner)[name]
    types, rest = _accepted(component)
    types = types | _TAKEN_BY_MMENGINE.get(registry, {}) | {"type": str}
    _check_values(node, types, place, component, any_key=rest)
    _check_children(node, registry, place)


def _check_children(node: Mapping[str, Any], registry: Registry, place: str) -> None:
    """Check the components inside a component, by the key's name or by their ``type``."""
    for key, value in node.items():
        inside = f"{place}.{key}"
        if key in _MANY:
            for each, item in _each(value, inside):
                if item is None:
                    raise ValueError(f"{each} must be dict(type=...), got None")
                _check_component(item, _MANY[key], each)
        elif key in _ONE and not (key == "init_cfg" and isinstance(value, list)):
            _check_component(value, _ONE[key], inside)
        elif key in _NAMES and isinstance(value, str):
            _type_name(value, _NAMES[key], inside)
        else:
            _check_typed(value, _NESTED.get(key, registry), inside)


def _check_typed(node: Any, registry: Registry, place: str) -> None:
    """Check whatever has a ``type`` in a value that need not be a component."""
    if isinstance(node, Mapping):
        if "type" in node:
            _check_component(node, registry, place)
        else:
            _check_children(node, registry, place)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, item in enumerate(node):
            _check_typed(item, registry, f"{place}[{index}]")


def _check_values(
    node: Mapping[str, Any],
    types: Mapping[str, Any],
    place: str,
    component: Any = None,
    any_key: bool = False,
) -> None:
    owner = f" ({component.__name__})" if component is not None else ""
    for key, value in node.items():
        if key not in types:
            if any_key:
                continue
            raise ValueError(unknown("key", key, f"{place}{owner}", types))
        _refuse(misfit(value, types[key], f"{place}.{key}"))


def _check_seed(config: Mapping[str, Any]) -> None:
    seed = (config.get("randomness") or {}).get("seed")
    if seed is not None and not 0 <= seed < 2**32:
        raise ValueError(f"randomness.seed must lie in 0..{2**32 - 1}, got {seed}")


def _accepted(component: Any) -> tuple[dict[str, Any], bool]:
    """The type of each key that a class or function takes, and whether it takes any other."""
    if not inspect.isclass(component):
        return _without_rest(parameter_types(component), component)
    types: dict[str, Any] = {}
    for base in component.__mro__[:-1]:
        if "__init__" not in vars(base):
            continue
        function = vars(base)["__init__"]
        own, rest = _without_rest(parameter_types(function), function)
        types = own | types
        if base is nn.Module or not rest:
            return types, False
    return types, bool(types)


def _without_rest(types: dict[str, Any], function: Any) -> tuple[dict[str, Any], bool]:
    parameters = inspect.signature(function).parameters.values()
    rest = [p for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    left_out = {p.name for p in rest} | {"self"}
    named = {name: kind for name, kind in types.items() if name not in left_out}
    return named, any(p.kind is p.VAR_KEYWORD for p in rest)


def _registered(registry: Registry | None) -> dict[str, Any]:
    known: dict[str, Any] = {}
    current = registry
    while current is not None:
        current.import_from_location()
        known = {**current.module_dict, **known}
        current = current.parent
    return known


def _each(node: Any, place: str) -> list[tuple[str, Any]]:
    """The items of a section that is one thing or a list of them, with their places."""
    if node is None:
        return []
    if isinstance(node, Mapping):
        return [(place, node)]
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [(f"{place}[{index}]", item) for index, item in enumerate(node)]
    raise ValueError(f"{place} must be dict(...) or a list of them, got {node!r}")


def _some(node: Any, place: str) -> list[tuple[str, Any]]:
    """As `_each`, for what means nothing when it is empty."""
    found = _each(node, place)
    if node is not None and not found and place not in _MAY_BE_EMPTY:
        raise ValueError(f"{place} is empty; None leaves it out")
    return found


def _refuse(fault: str | None) -> None:
    if fault:
        raise ValueError(fault)
