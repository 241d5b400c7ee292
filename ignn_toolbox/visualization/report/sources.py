"""Where the pictures behind results are, and one image's pictures of all methods."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...datasets.degradations import bicubic_lr
from ...datasets.file_list import files_by_stem
from ...datasets.transforms import modcrop
from ...evaluation import Results
from ...evaluation.folder import load_pair
from ...evaluation.pairing import pair_folders
from ...images import read_image
from ...ops.resize import imresize_uint8

BICUBIC, TRUTH = "LR (bicubic)", "ground truth"


@dataclass(frozen=True)
class ImageFiles:
    """The files of one benchmark image.

    Attributes:
        dataset: Name of the set.
        image: Stem of the ground truth.
        truth: Ground truth.
        methods: Result file by method, for the methods that kept theirs.
        given: The input, where a test kept it; the exact bicubic of the ground truth else.
    """

    dataset: str
    image: str
    truth: Path
    methods: dict[str, Path]
    given: Path | None = None


def find_files(
    results: Sequence[Results], data_root: Path | None = None
) -> tuple[list[ImageFiles], list[str]]:
    """Find the pictures behind results.

    Args:
        results: Results of several methods at one scale.
        data_root: Folder that holds the benchmark sets, where the results do not say.

    Returns:
        Files of the images whose ground truth is there, in the order of the records, and notes
        on what is missing.

    Raises:
        ValueError: A folder no longer holds a result for an image that was scored.
    """
    notes, found = [], []
    images: dict[str, list[str]] = {}
    for item in results:
        for record in item.records:
            names = images.setdefault(record["dataset"], [])
            if record["image"] not in names:
                names.append(record["image"])
    for dataset, names in images.items():
        folder = _truth_folder(results, dataset, data_root)
        if folder is None or not folder.is_dir():
            notes.append(f"no ground truth of {dataset}: no pictures of it (--data-root names it)")
            continue
        truth = files_by_stem(folder)
        pairs: dict[str, dict[str, tuple[Path, Path]]] = {}
        for item in results:
            written = item.info.get("sr_dirs", {}).get(dataset)
            if written is None or not Path(written).is_dir():
                notes.append(
                    f"{item.model} has figures but no pictures of {dataset} (`ignn test "
                    "--save-images` and `ignn evaluate -o` keep them)"
                )
                continue
            pairs[item.model] = dict(pair_folders(written, folder, item.scale).pairs)
        inputs = _inputs(results, dataset)
        for name in names:
            if name not in truth:
                raise ValueError(f"{folder} has no image {name}, which was scored")
            methods = {model: found[name][0] for model, found in pairs.items() if name in found}
            found.append(ImageFiles(dataset, name, truth[name], methods, inputs.get(name)))
    return found, notes


def load_pictures(files: ImageFiles, scale: int) -> dict[str, np.ndarray]:
    """Read one image's pictures.

    Args:
        files: Its files.
        scale: Upscaling factor.

    Returns:
        (H, W, 3), uint8, by name: the input enlarged by the bicubic (at scale 1 as it is), unless
        a method is just that; each method; ground truth. All of the size that is a multiple of the
        scale.

    Raises:
        ValueError: A file is unreadable or its size does not fit.
    """
    truth = modcrop(read_image(files.truth), scale)
    if files.given is None:
        pictures = {BICUBIC: bicubic_picture(truth, scale)}
    else:
        pictures = {BICUBIC: _enlarged(read_image(files.given), scale)}
    for model, path in files.methods.items():
        picture = load_pair(path, files.truth, scale)[0]
        height, width = picture.shape[:2]
        if (height, width) != truth.shape[:2]:
            raise ValueError(
                f"{path} is {width}x{height}, other results of {files.image} are "
                f"{truth.shape[1]}x{truth.shape[0]}"
            )
        pictures[model] = picture
    bicubic, *methods = pictures.values()
    if any(np.array_equal(picture, bicubic) for picture in methods):
        del pictures[BICUBIC]
    return pictures | {TRUTH: truth}


def bicubic_picture(truth: np.ndarray, scale: int) -> np.ndarray:
    """The LR image (h, w, 3) of a ground truth, upscaled by MATLAB's bicubic to its size."""
    return _enlarged(bicubic_lr(truth, scale), scale)


def _enlarged(lq: np.ndarray, scale: int) -> np.ndarray:
    if scale == 1:
        return lq
    planes = torch.from_numpy(lq).permute(2, 0, 1)
    return imresize_uint8(planes, scale).permute(1, 2, 0).contiguous().numpy()


def _inputs(results: Sequence[Results], dataset: str) -> dict[str, Path]:
    """Input files of a set by name, of the first results that kept them."""
    for item in results:
        folder = item.info.get("lq_dirs", {}).get(dataset)
        if folder is not None and Path(folder).is_dir():
            return files_by_stem(Path(folder))
    return {}


def _truth_folder(results: Sequence[Results], dataset: str, root: Path | None) -> Path | None:
    if root is not None:
        return root / dataset
    folders = (item.info.get("gt_dirs", {}).get(dataset) for item in results)
    return next((Path(folder) for folder in folders if folder), None)
