"""Child registries of mmengine's, scope ``ignn_toolbox``.

A component registers itself where it is written (``@MODELS.register_module()``); the module that
holds it is imported the first time a type is looked up, not when the package is imported. Nothing
else is ever imported because a string names it: see `Registry`.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine import registry as root
from mmengine.registry import DefaultScope

from .files import did_you_mean

SCOPE = "ignn_toolbox"


class Registry(root.Registry):
    """A registry that finds what has been registered in this process, and nothing else.

    mmengine's own takes a name that it does not know for a path to import, calls what it finds
    there, and imports ``X.registry`` for a scope ``X``: whoever writes a config decides what runs.
    Here an unknown name is an error. Components of other packages become known by importing them,
    for which a config has ``custom_imports``.
    """

    def get(self, key: str) -> Any:
        """Return what is registered under a name, here or in a parent.

        Args:
            key: The name, or ``scope.name`` of a scope that is known in this process.

        Raises:
            TypeError: The name is no string.
            ValueError: Nothing is registered under it; the nearest name is given.
        """
        if not isinstance(key, str):
            raise TypeError(f"a type must be a name, got {key!r}")
        found = self._find(key)
        if found is None:
            known = sorted({name for registry in self._lineage() for name in registry.module_dict})
            raise ValueError(
                f"no {self.name} `{key}` is registered; {did_you_mean(key, known)} (custom_imports "
                "in a config imports modules that register more)"
            )
        return found

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    @contextmanager
    def switch_scope_and_registry(self, scope: str | None) -> Iterator[root.Registry]:
        """Yield the registry of a scope that is known in this process; import nothing.

        Args:
            scope: A config's ``_scope_``; None follows the default scope.

        Raises:
            ValueError: The scope is not known.
        """
        with DefaultScope.overwrite_default_scope(scope):
            current = DefaultScope.get_current_instance()
            name = current.scope_name if current is not None else self.scope
            found = self._get_root_registry()._search_child(name)
            if scope is None and not isinstance(found, Registry):
                found = self
            if found is None:
                raise ValueError(
                    f"the scope `{scope}` is not known; import its package by custom_imports"
                )
            yield found

    def _find(self, key: str) -> Any:
        scope, name = self.split_scope_key(key)
        if scope is None:
            registries = self._lineage()
        else:
            found = self._get_root_registry()._search_child(scope)
            registries = iter([] if found is None else [found])
        for registry in registries:
            registry.import_from_location()
            if name in registry.module_dict:
                return registry.module_dict[name]
        return None

    def _lineage(self) -> Iterator[root.Registry]:
        """This registry and those that it is a child of."""
        registry: root.Registry | None = self
        while registry is not None:
            yield registry
            registry = registry.parent


def import_modules(package: str) -> None:
    """Import all modules of a package, so that what is written in them is registered.

    Args:
        package: Its dotted name; called in the package's own ``__init__``.
    """
    for found in pkgutil.iter_modules(sys.modules[package].__path__):
        importlib.import_module(f"{package}.{found.name}")


def _child(parent: root.Registry, *locations: str) -> Registry:
    return Registry(
        parent.name,
        parent=parent,
        scope=SCOPE,
        locations=[f"{SCOPE}.{location}" for location in locations],
    )


MODELS = _child(root.MODELS, "models")
DATASETS = _child(root.DATASETS, "datasets.paired_image_dataset", "datasets.restoration_dataset")
# mmengine knows no degradations: a registry of our own, without a parent.
DEGRADATIONS = Registry("degradation", scope=SCOPE, locations=[f"{SCOPE}.datasets.degradations"])
TRANSFORMS = _child(root.TRANSFORMS, "datasets.transforms")
DATA_SAMPLERS = _child(root.DATA_SAMPLERS, "engine")
METRICS = _child(root.METRICS, "evaluation.metrics")
LOOPS = _child(root.LOOPS, "engine")
HOOKS = _child(root.HOOKS, "engine")
LOG_PROCESSORS = _child(root.LOG_PROCESSORS, "engine")
OPTIM_WRAPPERS = _child(root.OPTIM_WRAPPERS, "engine")
OPTIMIZERS = _child(root.OPTIMIZERS, "engine")
VISUALIZERS = _child(root.VISUALIZERS, "engine")
WEIGHT_INITIALIZERS = _child(root.WEIGHT_INITIALIZERS, "zoo.warm_start")

# Nothing of ours is registered in these yet; mmengine warns where a scope has no registry.
EVALUATOR = _child(root.EVALUATOR)
FUNCTIONS = _child(root.FUNCTIONS)
MODEL_WRAPPERS = _child(root.MODEL_WRAPPERS)
OPTIM_WRAPPER_CONSTRUCTORS = _child(root.OPTIM_WRAPPER_CONSTRUCTORS)
PARAM_SCHEDULERS = _child(root.PARAM_SCHEDULERS)
VISBACKENDS = _child(root.VISBACKENDS)
