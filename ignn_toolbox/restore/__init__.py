"""Pictures in, larger pictures out: files of every kind, arrays, tensors, one or many."""

from .inferencer import SRInferencer
from .single import restore, upscale
from .target import Target

__all__ = ["SRInferencer", "Target", "restore", "upscale"]
