"""Files for other programs: ONNX, safetensors, and a registration for spandrel."""

from .network import ExportError, ExportForm
from .onnx import Parity, export_onnx, onnx_parity

__all__ = ["ExportError", "ExportForm", "Parity", "export_onnx", "onnx_parity"]
