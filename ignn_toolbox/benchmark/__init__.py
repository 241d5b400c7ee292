"""Time and memory of the operators, the networks and their training, beside what they could be."""

from .cases import Case, Figure, Variant, all_cases, find_case
from .measure import Measurement
from .run import CaseResult, run_case
from .table import figures, write_results

__all__ = [
    "Case",
    "CaseResult",
    "Figure",
    "Measurement",
    "Variant",
    "all_cases",
    "figures",
    "find_case",
    "run_case",
    "write_results",
]
