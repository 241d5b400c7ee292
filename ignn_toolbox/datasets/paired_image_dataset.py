"""Data set of HR and LR image files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..images import read_image
from ..registry import DATASETS
from .file_list import files_by_stem, some
from .pair_dataset import PairDataset


@DATASETS.register_module()
class PairedImageDataset(PairDataset):
    """Pairs of HR and LR files, joined by name.

    ====================  ==============================  ============================
    layout                folders                         ``filename_tmpl``
    ====================  ==============================  ============================
    DIV2K                 ``DIV2K_train_HR``,             ``'{}x{scale}'``
                          ``DIV2K_train_LR_bicubic/X2``   (``0001.png``, ``0001x2.png``)
    BasicSR               ``Set5/GTmod12``,               ``'{}'``
                          ``Set5/LRbicx2``
    plain                 ``HR``, ``LR``                  ``'{}'``
    ====================  ==============================  ============================

    The suffix may differ between the two files. An HR image may exceed ``scale`` times its LR
    image by less than ``scale`` pixels, as where LR files were made of cropped HR images: the
    excess is cut off at the bottom and right.

    Args:
        gt_dir: Folder of HR images, or several.
        lq_dir: Folder of LR images, one for each of ``gt_dir``.
        scale: Upscaling factor.
        filename_tmpl: Stem of the LR file: ``{}`` stands for the HR file's, ``{scale}`` for the
            scale.
        kwargs: As in `PairDataset`.

    Raises:
        FileNotFoundError: As in `PairDataset`.
        ValueError: As in `PairDataset`; an HR file has no LR file; when a pair is loaded,
            a file is damaged or the sizes do not fit.
    """

    def __init__(
        self,
        gt_dir: str | Sequence[str],
        lq_dir: str | Sequence[str],
        scale: int = 1,
        filename_tmpl: str = "{}",
        **kwargs: Any,
    ) -> None:
        self._lq_dir = lq_dir
        self._filename_tmpl = filename_tmpl
        super().__init__(gt_dir, scale, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        folders = self._paths(self._lq_dir)
        if len(folders) != len(self.gt_dirs):
            raise ValueError(
                f"gt_dir names {len(self.gt_dirs)} folders and lq_dir {len(folders)}; "
                "each needs its partner"
            )
        partner = dict(zip(self.gt_dirs, folders, strict=True))
        files = {folder: files_by_stem(folder) for folder in folders}
        infos = super().load_data_list()
        missing: dict[Path, set[str]] = {}
        for info in infos:
            folder = partner[Path(info["gt_path"]).parent]
            stem = self._filename_tmpl.format(info["name"], scale=self.scale)
            if stem in files[folder]:
                info["lq_path"] = str(files[folder][stem])
            else:
                missing.setdefault(folder, set()).add(stem)
        for folder, stems in missing.items():
            raise ValueError(
                f"{folder} has no image named {some(stems)}, which filename_tmpl="
                f"{self._filename_tmpl!r} asks for; it holds {some(set(files[folder]))}"
            )
        return infos

    def load_pair(self, info: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        lq, gt = read_image(info["lq_path"]), read_image(info["gt_path"])
        (height, width), (gt_height, gt_width) = lq.shape[:2], gt.shape[:2]
        if (gt_height // self.scale, gt_width // self.scale) != (height, width):
            raise ValueError(
                f"{info['lq_path']} is {width}x{height} and {info['gt_path']} is "
                f"{gt_width}x{gt_height}: not a pair at scale {self.scale}"
            )
        return lq, gt[: height * self.scale, : width * self.scale]
