"""Pictures in, larger pictures out: files of every kind, arrays, tensors, one or many."""

from .inferencer import SRInferencer, Target
from .picture import Picture, read_picture

__all__ = ["Picture", "SRInferencer", "Target", "read_picture"]
