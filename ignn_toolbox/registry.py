"""Child registries of mmengine's, scope ``ignn_toolbox``.

A component registers itself where it is written (``@MODELS.register_module()``); the module that
holds it is imported the first time a type is looked up, not when the package is imported.
"""

from mmengine import registry as root
from mmengine.registry import Registry

SCOPE = "ignn_toolbox"


def _child(parent: Registry, *locations: str) -> Registry:
    return Registry(
        parent.name,
        parent=parent,
        scope=SCOPE,
        locations=[f"{SCOPE}.{location}" for location in locations],
    )


MODELS = _child(root.MODELS, "models")
DATASETS = _child(root.DATASETS, "datasets")
TRANSFORMS = _child(root.TRANSFORMS, "datasets.transforms")
DATA_SAMPLERS = _child(root.DATA_SAMPLERS, "engine")
METRICS = _child(root.METRICS, "evaluation")
LOOPS = _child(root.LOOPS, "engine")
HOOKS = _child(root.HOOKS, "engine")
LOG_PROCESSORS = _child(root.LOG_PROCESSORS, "engine")
OPTIM_WRAPPERS = _child(root.OPTIM_WRAPPERS, "engine")
VISUALIZERS = _child(root.VISUALIZERS, "engine")
WEIGHT_INITIALIZERS = _child(root.WEIGHT_INITIALIZERS, "zoo.warm_start")

# Nothing of ours is registered in these yet; mmengine warns where a scope has no registry.
EVALUATOR = _child(root.EVALUATOR)
FUNCTIONS = _child(root.FUNCTIONS)
MODEL_WRAPPERS = _child(root.MODEL_WRAPPERS)
OPTIMIZERS = _child(root.OPTIMIZERS)
OPTIM_WRAPPER_CONSTRUCTORS = _child(root.OPTIM_WRAPPER_CONSTRUCTORS)
PARAM_SCHEDULERS = _child(root.PARAM_SCHEDULERS)
VISBACKENDS = _child(root.VISBACKENDS)
