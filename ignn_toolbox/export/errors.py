"""What goes wrong when a network is exported."""


class ExportError(ValueError):
    """A network that cannot be exported; the message names the step that has no form in ONNX."""
