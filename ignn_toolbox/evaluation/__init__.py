"""Named metric protocols, per-image records and what is made of them."""

from .folder import Evaluation, evaluate
from .metrics import SRMetric
from .protocols import DEFAULT_PROTOCOL, PROTOCOLS, luma, psnr, score, ssim, to_uint8
from .records import Mean, means, write_csv
from .results import Results, read_results, write_results

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
