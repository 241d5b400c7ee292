"""Results on disk: one JSON file with everything, and its records as CSV beside it."""

import json
import math
from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

from ..files import write_bytes
from ..text import encoded
from ..version import __version__
from .records import Mean, fields, means, write_csv
from .results_form import FormError, check_form

FORMAT = 1


@dataclass
class Results:
    """What one method scored on one or several benchmark sets.

    Attributes:
        model: Name of the method, as tables print it.
        scale: Upscaling factor.
        records: Per-image records, see `evaluation.records`.
        info: What else is worth keeping: config, checkpoint, its SHA-256, notes, folders.
        versions: Versions of the programs that computed the figures.
    """

    model: str
    scale: int
    records: list[dict[str, Any]]
    info: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: _versions())

    @property
    def means(self) -> list[Mean]:
        """Means per data set and protocol."""
        return means(self.records)


def write_results(folder: str | Path, results: Results) -> Path:
    """Write ``results.json`` and ``per_image.csv`` into a folder.

    Args:
        folder: Made when absent; earlier files of these names are replaced.
        results: What to write.

    Returns:
        Path of the JSON file.

    Raises:
        ValueError: There is no record, a figure is nan, or an image is scored twice in a set.
        OSError: The folder cannot be written.
    """
    if not results.records:
        raise ValueError(f"there are no results of {results.model} to write")
    content = {
        "format": FORMAT,
        "model": results.model,
        "scale": results.scale,
        "means": [_finite(asdict(mean)) for mean in results.means],
        "info": results.info,
        "versions": results.versions,
        "images": [
            _finite({key: record.get(key) for key in fields(results.records)})
            for record in results.records
        ],
    }
    path = Path(folder) / "results.json"
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(path, encoded(text + "\n"))
    write_csv(path.with_name("per_image.csv"), results.records)
    return path


def read_results(path: str | Path) -> Results:
    """Read what `write_results` wrote.

    Args:
        path: ``results.json``, or the folder that holds it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is of another kind, incomplete, or its means are not those of its
            records.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "results.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path}; `ignn test` and `ignn evaluate -o` write results"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, endless numbers or depth
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} is not a results file of this toolbox: {reason}") from error
    found = content.get("format") if isinstance(content, dict) else None
    if isinstance(found, int) and found != FORMAT:
        raise ValueError(f"{path} has format {found}, this version reads {FORMAT}")
    try:
        if found != FORMAT:
            raise FormError("it has no format")
        check_form(content)
    except FormError as error:
        raise ValueError(f"{path} is not a results file of this toolbox: {error}") from error
    records = [_numbers(record) for record in content["images"]]
    results = Results(
        content["model"], content["scale"], records, content["info"], content["versions"]
    )
    known = {column.name for column in dataclass_fields(Mean)}
    stored = [
        Mean(**{key: value for key, value in _numbers(mean).items() if key in known})
        for mean in content["means"]
    ]
    try:
        same = _same(stored, results.means)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if not records or not same:
        raise ValueError(f"{path}: the means are not those of the {len(records)} images it lists")
    return results


def _versions() -> dict[str, str]:
    import mmengine
    import torch

    return {
        "ignn_toolbox": __version__,
        "torch": torch.__version__,
        "mmengine": mmengine.__version__,
    }


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity; equal images have one as PSNR."""
    return {k: "inf" if isinstance(v, float) and math.isinf(v) else v for k, v in row.items()}


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {k: math.inf if v == "inf" and k == "psnr" else v for k, v in row.items()}


def _same(stored: list[Mean], computed: list[Mean]) -> bool:
    def key(mean: Mean) -> tuple:
        return mean.dataset, mean.protocol, mean.images

    return [key(m) for m in stored] == [key(m) for m in computed] and all(
        math.isclose(a.psnr, b.psnr, abs_tol=1e-9) and math.isclose(a.ssim, b.ssim, abs_tol=1e-9)
        for a, b in zip(stored, computed, strict=True)
    )
