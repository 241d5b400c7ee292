"""Pictures in, larger pictures out: files of every kind, arrays, tensors, one or many."""

from .inferencer import SRInferencer, Target, upscale

__all__ = ["SRInferencer", "Target", "upscale"]
