"""What mmengine's runner needs from us: loops, checkpoints, hooks, and the start of a run."""

from .checkpoint import use_safe_loading
from .comparison_hook import ComparisonHook
from .hooks import (
    InterruptHook,
    IterationTimer,
    RecordsHook,
    RunStateHook,
    SafeCheckpointHook,
    SkipReportHook,
)
from .log import TrainingLog
from .loops import IterationTrainLoop, MultiTestLoop, MultiValLoop
from .optim_wrapper import SafeOptimWrapper
from .orthogonal_momentum import OrthogonalMomentum
from .sampler import IterationSampler
from .visualizer import RunRecorder

__all__ = [
    "ComparisonHook",
    "InterruptHook",
    "IterationSampler",
    "IterationTimer",
    "IterationTrainLoop",
    "MultiTestLoop",
    "MultiValLoop",
    "OrthogonalMomentum",
    "RecordsHook",
    "RunRecorder",
    "RunStateHook",
    "SafeCheckpointHook",
    "SafeOptimWrapper",
    "SkipReportHook",
    "TrainingLog",
]

use_safe_loading()
