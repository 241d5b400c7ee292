"""Pictures in, larger pictures out: files of every kind, arrays, tensors, one or many."""

from .inferencer import SRInferencer, Target

__all__ = ["SRInferencer", "Target"]
