"""A static page and paper-style figures from results with pictures."""

from .figure import write_figure
from .page import write_report

__all__ = ["write_figure", "write_report"]
