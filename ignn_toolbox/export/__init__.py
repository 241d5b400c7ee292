"""Files for other programs: ONNX, safetensors, and a registration for spandrel."""

from .errors import ExportError
from .onnx import Parity, export_onnx, onnx_parity

__all__ = ["ExportError", "Parity", "export_onnx", "onnx_parity"]
