"""Import of checkpoints that other code wrote."""

from .importing import Imported, convert_checkpoint, import_checkpoint, read_foreign

__all__ = ["Imported", "convert_checkpoint", "import_checkpoint", "read_foreign"]
