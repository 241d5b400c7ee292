"""Tests a network on several benchmark sets in one run."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope

from ..evaluation.results import Results, write_results
from ..registry import DATASETS
from .config import network_scale
from .distributed import finish, launch
from .runner import TrainingRunner
from .train import prepare_run

_SECTIONS = ("test_dataloader", "test_evaluator", "test_cfg")


def test(
    config: Config,
    checkpoint: str | Path,
    *,
    out_dir: str | Path | None = None,
    save_images: bool = False,
    launcher: str = "none",
    name: str | None = None,
) -> Results | None:
    """Scores a checkpoint on every benchmark set of a config that is there.

    Writes ``results.json`` and ``per_image.csv``, and on request the pictures.

    Args:
        config: From :func:`ignn_toolbox.engine.config.load_config`.
        checkpoint: Weights that fit the config's model.
        out_dir: Folder of what is written; ``work_dirs/<config>/test`` by default.
        save_images: Also write every super-resolved picture, to ``images/<set>/``.
        launcher: ``none``, ``pytorch`` or ``slurm``.
        name: Name of the method in tables; that of the config by default.

    Returns:
        The results; None on all processes but the first.

    Raises:
        FileNotFoundError: The checkpoint, or every benchmark set, is missing.
        ValueError: The config has no test sections, or the checkpoint does not fit.
        OSError: ``out_dir`` cannot be written.
    """
    missing = [key for key in _SECTIONS if key not in config]
    if missing:
        raise ValueError(f"the config has no {', '.join(missing)}, which a test needs")
    checkpoint = Path(checkpoint)
    if not checkpoint.is_file():
        raise FileNotFoundError(f"checkpoint {checkpoint} does not exist")
    stem = Path(config.filename).stem if config.filename else "model"
    prepare_run(config, out_dir or Path("work_dirs", stem, "test"))
    absent = keep_present_sets(config)
    config.load_from, config.resume = str(checkpoint), False
    if save_images:
        for metric in _each(config.test_evaluator):
            metric["save_dir"] = str(Path(config.work_dir, "images"))
    try:
        launch(launcher, config)
        runner = TrainingRunner.from_cfg(config)
        for notice in absent:
            runner.logger.warning(f"Left out: {notice}")
        runner.test()
        if not is_main_process():
            return None
        results = Results(
            model=name or stem,
            scale=network_scale(config) or runner.bare_model.scale,
            records=_records(runner.test_loop.evaluators),
            info={
                "config": str(config.filename),
                "checkpoint": str(checkpoint),
                "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
                "left_out": absent,
            },
        )
        write_results(config.work_dir, results)
        return results
    finally:
        finish()


def keep_present_sets(config: Config) -> list[str]:
    """Drops the test sets whose files are not there.

    Returns:
        Why each set was dropped, beginning with its name.

    Raises:
        FileNotFoundError: No set is left.
    """
    init_default_scope(config.get("default_scope", "ignn_toolbox"))
    present, absent = [], []
    for loader in _each(config.test_dataloader):
        try:
            DATASETS.build(loader["dataset"])
        except FileNotFoundError as error:
            absent.append(f"{loader['dataset'].get('name', 'a set')}: {error}")
        else:
            present.append(loader)
    if not present:
        listed = "".join(f"\n  {notice}" for notice in absent)
        raise FileNotFoundError(
            f"none of the benchmark sets is there; --data-root names the folder that holds them"
            f"{listed}"
        )
    config.test_dataloader = present
    return absent


def _records(evaluators: list[Evaluator]) -> list[dict[str, Any]]:
    metrics = [metric for evaluator in evaluators for metric in evaluator.metrics]
    return [record for metric in metrics for record in getattr(metric, "records", [])]


def _each(section: Any) -> Iterator[Any]:
    yield from [section] if isinstance(section, Mapping) else section
