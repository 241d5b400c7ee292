"""What decides a run's results: model, options and list of pictures, in a form to compare."""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..engine.config import load_config
from ..files import sha256
from ..version import __version__
from ..zoo import resolve, zoo_models
from ..zoo.loading import CHECKPOINT_SUFFIXES
from ..zoo.spandrel_file import spandrel_file
from .worklist import Job


def describe_run(
    jobs: Iterable[Job], model: str, checkpoint: str | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe a run for its journal.

    Args:
        jobs: All jobs of the run.
        model: As for `SRInferencer`.
        checkpoint: Likewise.
        options: Everything else that changes what is written.

    Returns:
        Digests of the model and of the list of pictures, the options, and, under ``about``, what
        is there for the reader only.

    Raises:
        FileNotFoundError: No such model, config or checkpoint.
        ValueError: The model is freshly initialised, so each process would have another.
    """
    digest, count = hashlib.sha256(), 0
    for job in jobs:
        names = (os.path.abspath(path) if path else "" for path in (job.source, job.target))
        digest.update("\0".join([*names, job.format or "", ""]).encode(errors="surrogateescape"))
        count += 1
    begun = time.strftime("%Y-%m-%d %H:%M:%S")
    return {
        "about": {"model": model, "toolbox": __version__, "begun": begun},
        "model": _model(model, checkpoint),
        "options": dict(options),
        "pictures": {"count": count, "list": digest.hexdigest()[:16]},
    }


def _model(model: str, checkpoint: str | None) -> dict[str, str | None]:
    if (file := spandrel_file(model)) is not None:
        return {"config": "spandrel", "weights": _digest(Path(file))}
    if Path(model).suffix in CHECKPOINT_SUFFIXES:
        return {"config": _digest(Path(model)), "weights": _digest(Path(checkpoint or model))}
    weights = checkpoint or resolve(model)[1]
    if weights is None and model not in zoo_models():
        raise ValueError(
            f"{model} comes without weights, so every process would draw its own; name a "
            "checkpoint (--checkpoint)"
        )
    text = json.dumps(load_config(model).model.to_dict(), sort_keys=True, default=str)
    return {
        "config": hashlib.sha256(text.encode()).hexdigest()[:16],
        "weights": None if weights is None else _digest(Path(weights)),
    }


def _digest(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    return sha256(path)[:16]
