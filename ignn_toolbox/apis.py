"""The few names a script needs; they stay as they are from release to release."""

from .evaluation import Evaluation, evaluate
from .models.spec import Given
from .restore import SRInferencer, restore, upscale
from .zoo import list_models
from .zoo.importers import import_checkpoint
from .zoo.loading import init_model

__all__ = [
    "Evaluation",
    "Given",
    "SRInferencer",
    "evaluate",
    "import_checkpoint",
    "init_model",
    "list_models",
    "restore",
    "upscale",
]
