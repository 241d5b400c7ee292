"""Scoring a folder of results of any program, without a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.file_list import set_name, some
from ..datasets.parallel import run_all
from ..images import read_image
from .pairing import pair_folders
from .protocols import DEFAULT_PROTOCOL, check_protocol, score
from .records import means


@dataclass(frozen=True)
class Evaluation:
    """Scores of a folder of results.

    Attributes:
        mean: ``dict(psnr, ssim)``, means over the images.
        images: One record an image: ``image`` (stem of the ground truth), ``psnr``, ``ssim``,
            ``dataset``, ``height``, ``width``, ``protocol``; figures unrounded.
        notes: What was changed to make images comparable, and names without a partner.

    Examples:
        >>> Evaluation({"psnr": 30.0, "ssim": 0.9}, []).mean["psnr"]
        30.0
    """

    mean: dict[str, float]
    images: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)


def evaluate(
    sr_dir: str | Path,
    gt_dir: str | Path,
    scale: int,
    protocol: str = DEFAULT_PROTOCOL,
    *,
    crop_border: int | None = None,
    partial: bool = False,
) -> Evaluation:
    """Score a folder of results against a folder of ground truth.

    Args:
        sr_dir: Folder of results (PNG, JPG, WebP, TIFF, BMP), named as
            `evaluation.pairing.pair_folders` says.
        gt_dir: Folder of ground truth.
        scale: Upscaling factor of the results.
        protocol: One of `evaluation.protocols.PROTOCOLS`.
        crop_border: Pixels to cut off each side; ``None`` means the scale.
        partial: Accept that some ground truth has no result.

    Raises:
        FileNotFoundError: A folder does not exist.
        ValueError: No names fit, a result is missing, an image is unreadable, its size differs from
            the ground truth's by more than a modcrop or is no multiple of the scale.

    Examples:
        >>> import numpy as np
        >>> from ignn_toolbox.images import write_image
        >>> grey = np.full((32, 32, 3), 100, np.uint8)
        >>> write_image("gt/a.png", grey)
        >>> write_image("sr/a.png", grey + 1)
        >>> round(evaluate("sr", "gt", scale=2, protocol="rgb").mean["psnr"], 2)
        48.13
    """
    images, notes = score_folder(
        sr_dir, gt_dir, scale, [protocol], crop_border=crop_border, partial=partial
    )
    mean = means(images)[0]
    return Evaluation({"psnr": mean.psnr, "ssim": mean.ssim}, images, notes)


def score_folder(
    sr_dir: str | Path,
    gt_dir: str | Path,
    scale: int,
    protocols: Sequence[str],
    *,
    crop_border: int | None = None,
    partial: bool = False,
    perceptual: Sequence[Callable[[np.ndarray, np.ndarray], dict[str, float]]] = (),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Score every image under every protocol, on all cores.

    Args:
        sr_dir: As in `evaluate`.
        gt_dir: As in `evaluate`.
        scale: As in `evaluate`.
        protocols: Names of protocols.
        crop_border: As in `evaluate`.
        partial: As in `evaluate`.
        perceptual: Further metrics of a pair (H, W, 3), uint8; their figures join each record.
        progress: Called with (images done, images in all).

    Returns:
        Records, image by image, and notes.

    Raises:
        FileNotFoundError: As in `evaluate`.
        ValueError: As in `evaluate`.
    """
    for protocol in protocols:
        check_protocol(protocol)
    if not isinstance(scale, int) or scale < 1:
        raise ValueError(f"scale must be a positive integer, got {scale!r}")
    pairing = pair_folders(sr_dir, gt_dir, scale)
    notes = []
    if pairing.missing:
        lost = f"{sr_dir} has no result for {some(pairing.missing)} of {gt_dir}"
        if not partial:
            raise ValueError(f"{lost}; add it, or accept a partial mean (--partial, partial=True)")
        notes.append(f"PARTIAL: {lost}")
    if pairing.suffix:
        notes.append(f"names of results end in {pairing.suffix!r}")
    if pairing.extra:
        notes.append(f"without ground truth, not scored: {some(pairing.extra)}")
    border = scale if crop_border is None else crop_border
    dataset = set_name(Path(gt_dir))

    def task(item: tuple[str, tuple[Path, Path]]) -> tuple[list[dict[str, Any]], list[str]]:
        name, files = item
        sr, gt, said = load_pair(*files, scale)
        extra = {key: value for metric in perceptual for key, value in metric(sr, gt).items()}
        base = {"dataset": dataset, "image": name, "height": sr.shape[0], "width": sr.shape[1]}
        records = []
        for protocol in protocols:
            try:
                figures = score(sr, gt, border, protocol)
            except ValueError as error:
                raise ValueError(f"{files[0]}: {error}") from error
            scores = {"psnr": figures[0], "ssim": figures[1], "seconds": None}
            records.append(base | {"protocol": protocol} | scores | extra)
        return records, said

    scored = run_all(task, list(pairing.pairs.items()), progress)
    notes += [note for _, said in scored for note in said]
    return [record for records, _ in scored for record in records], notes


def load_pair(sr_path: Path, gt_path: Path, scale: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Read a result and its ground truth and make their sizes equal.

    A difference below the scale is what cropping to a multiple of the scale leaves: the excess is
    cut at the bottom and right.

    Args:
        sr_path: The result.
        gt_path: The ground truth.
        scale: Upscaling factor.

    Returns:
        The two images (H, W, 3), uint8, and notes that name the files.

    Raises:
        FileNotFoundError: A file does not exist.
        ValueError: A file is unreadable, the sizes differ by ``scale`` or more, or the sides of
            the result are no multiples of the scale.
    """
    images, notes = [], []
    for path in (sr_path, gt_path):
        said: list[str] = []
        images.append(read_image(path, said))
        notes += [f"{path}: {note}" for note in said]
    sr, gt = images
    (height, width), (gt_height, gt_width) = sr.shape[:2], gt.shape[:2]
    if abs(height - gt_height) >= scale or abs(width - gt_width) >= scale:
        raise ValueError(
            f"{sr_path} is {width}x{height}, but {gt_path} is {gt_width}x{gt_height}: more "
            f"than a crop to a multiple of {scale} apart; is it the right image and --scale right?"
        )
    if height % scale or width % scale:
        raise ValueError(
            f"{sr_path} is {width}x{height}: --scale {scale} does not divide it, so it cannot come "
            "from that scale; crop the ground truth before downscaling, or give the right scale"
        )
    if (height, width) != (gt_height, gt_width):
        height, width = min(height, gt_height), min(width, gt_width)
        notes.append(f"{sr_path.name}: compared on {width}x{height} of {gt_width}x{gt_height}")
    return sr[:height, :width], gt[:height, :width], notes
