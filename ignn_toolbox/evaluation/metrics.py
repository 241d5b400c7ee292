"""PSNR and SSIM as a metric of mmengine's evaluation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from ..images import write_image
from ..registry import METRICS
from .protocols import DEFAULT_PROTOCOL, check_protocol, score, to_uint8
from .records import TUNING_FIELDS, means


@METRICS.register_module()
class SRMetric(BaseMetric):
    """Scores predictions and keeps a record of every image.

    The figures are named ``<set>/PSNR`` and ``<set>/SSIM`` under the default protocol, and
    ``<set>/PSNR_<protocol>`` under others, so that several metrics can stand side by side.

    Args:
        protocol: One of `evaluation.protocols.PROTOCOLS`.
        crop_border: Pixels to cut off each side; ``None`` means the scale, as in the literature.
        save_dir: Folder for the predictions, written as ``<set>/<image>.png``; ``None`` writes
            none.
        input_dir: Folder for what the network was given, likewise.

    Attributes:
        records: Per-image records of the last evaluation, on the main process.
    """

    default_prefix = ""  # the sets' own names stand first

    def __init__(
        self,
        protocol: str = DEFAULT_PROTOCOL,
        crop_border: int | None = None,
        save_dir: str | None = None,
        input_dir: str | None = None,
    ) -> None:
        check_protocol(protocol)
        # 'gpu' gathers through the process group; 'cpu' would write pickles to a shared folder.
        super().__init__(collect_device="gpu")
        self.protocol = protocol
        self.crop_border = crop_border
        self.save_dir = save_dir
        self.input_dir = input_dir
        self.records: list[dict[str, Any]] = []

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Score the predictions of one batch.

        Args:
            data_batch: Holds the inputs.
            data_samples: `SRDataSample` as dicts, with ``gt_img`` and ``pred_img``.

        Raises:
            ValueError: The sizes of a prediction and its ground truth differ, or the prediction is
                not finite; the error names the image.
        """
        for place, sample in enumerate(data_samples):
            gt = _hwc(sample["gt_img"])
            border = sample["scale"] if self.crop_border is None else self.crop_border
            try:
                sr = to_uint8(_hwc(sample["pred_img"]))
                psnr, ssim = score(sr, gt, border, self.protocol)
            except ValueError as error:
                raise ValueError(f"{sample['dataset_name']}/{sample['name']}: {error}") from error
            tuning = {key: sample[key] for key in TUNING_FIELDS if key in sample}
            self.results.append(
                {
                    "dataset": sample["dataset_name"],
                    "image": sample["name"],
                    "height": gt.shape[0],
                    "width": gt.shape[1],
                    "protocol": self.protocol,
                    "psnr": psnr,
                    "ssim": ssim,
                    "seconds": sample.get("seconds"),
                }
                | tuning
            )
            if self.save_dir is not None:
                folder = Path(self.save_dir) / sample["dataset_name"]
                write_image(folder / f"{sample['name']}.png", sr)
            if self.input_dir is not None:
                folder = Path(self.input_dir) / sample["dataset_name"]
                lq = _hwc(data_batch["inputs"][place])
                write_image(
                    folder / f"{sample['name']}.png", lq if lq.dtype == np.uint8 else to_uint8(lq)
                )

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Average the records of all processes.

        Raises:
            ValueError: Nothing was scored.
        """
        if not results:
            raise ValueError("no image was scored: the data set is empty")
        self.records = list(results)
        suffix = "" if self.protocol == DEFAULT_PROTOCOL else f"_{self.protocol}"
        figures: dict[str, float] = {}
        for mean in means(results):
            figures[f"{mean.dataset}/PSNR{suffix}"] = mean.psnr
            figures[f"{mean.dataset}/SSIM{suffix}"] = mean.ssim
        return figures


def _hwc(image: Any) -> np.ndarray:
    return image.cpu().permute(1, 2, 0).contiguous().numpy()
