"""A page that opens from disk: tables, and every image's methods under one lens."""

import io
import itertools
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ...datasets.parallel import run_all
from ...evaluation import Results
from ...evaluation.comparison import compare
from ...evaluation.protocols import DEFAULT_PROTOCOL, luma, score
from ...evaluation.records import TUNING_FIELDS
from ...files import write_bytes, write_whole
from ...images import Picture, encode_picture, write_image
from ...text import encoded
from ..comparison import hardest_box
from .sources import BICUBIC, TRUTH, ImageFiles, find_files, load_pictures

STATIC = Path(__file__).with_name("static")
THUMB_HEIGHT = 72
BOX = 96
_FIGURES = ("psnr", "ssim")
ERROR_GAIN = 6  # a luma error of 255 / 6 levels has the map's brightest colour


def write_report(
    results: Sequence[Results],
    out: str | Path,
    *,
    protocol: str = DEFAULT_PROTOCOL,
    data_root: Path | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Write ``out/index.html`` and what it shows; it needs neither server nor network.

    Args:
        results: Results of one scale, one a method.
        out: Folder of the page; it appears when it is complete.
        protocol: Protocol of the figures.
        data_root: Folder that holds the benchmark sets, where the results do not say.
        overwrite: Replace an earlier report.
        progress: Called with (images done, in all).

    Returns:
        Notes on what is missing.

    Raises:
        FileExistsError: ``out`` exists and ``overwrite`` is not set, or is no report.
        ValueError: The scales differ, two methods have one name, or a method was not scored under
            the protocol.
    """
    out = Path(out)
    scale = check_results(results, protocol)
    if out.exists() and not (overwrite and (out / "report.js").is_file()):
        hint = "choose another folder" if overwrite else "--overwrite replaces an earlier report"
        raise FileExistsError(f"{out} exists; {hint}")
    files, notes = find_files(results, data_root)
    with write_whole(out) as partial:
        partial.mkdir()
        images = run_all(
            lambda item: _write_images(*item, scale, protocol, partial),
            list(enumerate(files)),
            progress,
        )
        data = _content(results, protocol, scale, images, notes)
        text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("</", "<\\/")
        write_bytes(partial / "data.js", encoded(f"window.REPORT = {text};\n"))
        for name in ("index.html", "report.css", "report.js"):
            shutil.copyfile(STATIC / name, partial / name)
        if out.exists():
            shutil.rmtree(out)
    return notes


def check_results(results: Sequence[Results], protocol: str) -> int:
    """Check that results can stand side by side; return their scale.

    Raises:
        ValueError: As in `write_report`.
    """
    scales = {item.scale for item in results}
    if len(scales) != 1:
        raise ValueError(f"results of one scale are needed, got {sorted(scales)}")
    names = [item.model for item in results]
    for name in names:
        if names.count(name) > 1 or name in (BICUBIC, TRUTH):
            raise ValueError(f"each method needs a name of its own, got {name!r} twice")
    for item in results:
        known = sorted({record["protocol"] for record in item.records})
        if protocol not in known:
            raise ValueError(f"{item.model} was scored under {', '.join(known)}, not {protocol}")
    return scales.pop()


def _write_images(
    number: int, files: ImageFiles, scale: int, protocol: str, out: Path
) -> dict[str, Any]:
    """Write one image's pictures, error maps and thumbnail; return what the page is told."""
    pictures = load_pictures(files, scale)
    truth = pictures[TRUTH]
    folder = Path("images", f"{number:04}")  # names out of results are no paths
    views = []
    for place, (name, picture) in enumerate(pictures.items()):
        file = folder / f"{place}.webp"
        write_bytes(out / file, _lossless(picture))
        view: dict[str, Any] = {"name": name, "file": file.as_posix()}
        if name != TRUTH:
            error = folder / f"{place}_error.webp"
            write_bytes(out / error, _error_map(picture, truth))
            view["error"] = error.as_posix()
        if name == BICUBIC:
            view["psnr"], view["ssim"] = map(_number, score(picture, truth, scale, protocol))
        views.append(view)
    height, width = truth.shape[:2]
    thumb = folder / "thumb.jpg"
    size = max(1, width * THUMB_HEIGHT // height), THUMB_HEIGHT
    write_image(out / thumb, cv2.resize(truth, size, interpolation=cv2.INTER_AREA))
    top, left, box_height, box_width = _box(pictures)
    return {
        "dataset": files.dataset,
        "image": files.image,
        "width": width,
        "height": height,
        "thumb": thumb.as_posix(),
        "views": views,
        "box": [left, top, box_width, box_height],
    }


def _box(pictures: dict[str, np.ndarray]) -> tuple[int, int, int, int]:
    """Where methods differ most: the last from the first, or a single one from the truth."""
    methods = [picture for name, picture in pictures.items() if name not in (BICUBIC, TRUTH)]
    first = methods[0] if methods else pictures[BICUBIC]
    last = methods[-1] if len(methods) > 1 else pictures[TRUTH]
    return hardest_box(first, last, BOX)


def _error_map(picture: np.ndarray, truth: np.ndarray) -> bytes:
    error = np.abs(luma(picture) - luma(truth))[..., 0] * ERROR_GAIN
    colours = cv2.applyColorMap(np.clip(error, 0, 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return encode_picture(Picture(colours[:, :, ::-1], "webp"), quality=60)


def _lossless(picture: np.ndarray) -> bytes:
    """WebP without loss, a third smaller than PNG; Pillow's fastest method, unlike OpenCV's."""
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "WEBP", lossless=True, method=0)
    return data.getvalue()


def _content(
    results: Sequence[Results],
    protocol: str,
    scale: int,
    images: list[dict[str, Any]],
    notes: list[str],
) -> dict[str, Any]:
    figures: dict[tuple[str, str], dict[str, Any]] = {}
    for item in results:
        for record in item.records:
            if record["protocol"] == protocol:
                key = record["dataset"], record["image"]
                entry = figures.setdefault(
                    key, {"width": record["width"], "height": record["height"], "scores": {}}
                )
                scores = {name: _number(record[name]) for name in ("psnr", "ssim")}
                scores |= {name: record[name] for name in TUNING_FIELDS if name in record}
                entry["scores"][item.model] = scores
    pictures = {(image["dataset"], image["image"]): image for image in images}
    best = winners(results, protocol)
    return {
        "scale": scale,
        "protocol": protocol,
        "methods": [item.model for item in results],
        "means": [
            {
                "method": item.model,
                "dataset": mean.dataset,
                "images": mean.images,
                "psnr": _number(mean.psnr),
                "ssim": mean.ssim,
                "best": [f for f in _FIGURES if best.get((mean.dataset, f)) == item.model],
            }
            for item in results
            for mean in item.means
            if mean.protocol == protocol
        ],
        "images": [
            {"dataset": key[0], "image": key[1]} | entry | pictures.get(key, {})
            for key, entry in figures.items()
        ],
        "notes": notes,
        "versions": results[0].versions,
        "errorGain": ERROR_GAIN,
    }


def winners(results: Sequence[Results], protocol: str) -> dict[tuple[str, str], str]:
    """The method that is better than each other one, by set and figure, where one is.

    Better means that the 95 % bootstrap interval of the mean difference lies above zero.
    """
    beaten: dict[tuple[str, str, str], int] = {}
    for a, b in itertools.permutations(results, 2):
        for figure in _FIGURES:
            try:
                comparisons = compare(a, b, figure)
            except ValueError:  # scored on other pictures: nothing is said of the two
                continue
            for row in comparisons:
                if row.protocol == protocol and row.interval[0] > 0:
                    key = row.dataset, figure, b.model
                    beaten[key] = beaten.get(key, 0) + 1
    all_others = len(results) - 1
    return {(d, figure): name for (d, figure, name), n in beaten.items() if n == all_others}


def _number(value: float) -> float | None:
    """JSON has no infinity: the PSNR of equal images becomes null, which the page shows as such."""
    return value if np.isfinite(value) else None
