"""Named metric protocols, per-image records and what is made of them."""

from typing import TYPE_CHECKING

from ..lazy import names_of
from .folder import Evaluation, evaluate
from .protocols import DEFAULT_PROTOCOL, PROTOCOLS, luma, psnr, score, ssim, to_uint8
from .records import Mean, means, write_csv
from .results import Results, read_results, write_results

if TYPE_CHECKING:
    from .metrics import SRMetric

__all__ = [
    "DEFAULT_PROTOCOL",
    "PROTOCOLS",
    "Evaluation",
    "Mean",
    "Results",
    "SRMetric",
    "evaluate",
    "luma",
    "means",
    "psnr",
    "read_results",
    "score",
    "ssim",
    "to_uint8",
    "write_csv",
    "write_results",
]

__getattr__ = names_of(__name__, {"SRMetric": "metrics"})
