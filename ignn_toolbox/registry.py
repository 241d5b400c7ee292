"""Child registries of mmengine's, scope ``ignn_toolbox``.

A component registers itself where it is written (``@MODELS.register_module()``); the module that
holds it is imported the first time a type is looked up, not when the package is imported.
"""

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOG_PROCESSORS as MMENGINE_LOG_PROCESSORS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

SCOPE = "ignn_toolbox"


def _child(name: str, parent: Registry, *locations: str) -> Registry:
    return Registry(
        name,
        parent=parent,
        scope=SCOPE,
        locations=[f"{SCOPE}.{location}" for location in locations],
    )


MODELS = _child("model", MMENGINE_MODELS, "models")
DATASETS = _child("dataset", MMENGINE_DATASETS, "datasets")
TRANSFORMS = _child("transform", MMENGINE_TRANSFORMS, "datasets.transforms")
DATA_SAMPLERS = _child("data sampler", MMENGINE_DATA_SAMPLERS, "engine")
METRICS = _child("metric", MMENGINE_METRICS, "evaluation")
LOOPS = _child("loop", MMENGINE_LOOPS, "engine")
HOOKS = _child("hook", MMENGINE_HOOKS, "engine")
LOG_PROCESSORS = _child("log processor", MMENGINE_LOG_PROCESSORS, "engine")
OPTIM_WRAPPERS = _child("optimizer wrapper", MMENGINE_OPTIM_WRAPPERS, "engine")
