"""Tests a network on several benchmark sets in one run."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope

from ..evaluation.results import Results, write_results
from ..files import sha256
from ..registry import DATASETS, MODELS
from .config import named_places, network_scale
from .config.values import unknown
from .distributed import finish, launch
from .preflight import check_test
from .runner import TrainingRunner
from .work_dir import prepare_run


def test(
    config: Config,
    checkpoint: str | Path | None = None,
    *,
    out_dir: str | Path | None = None,
    save_images: bool = False,
    launcher: str = "none",
    name: str | None = None,
    sets: Sequence[str] | None = None,
) -> Results | None:
    """Score a checkpoint on every benchmark set of a config that is there.

    Writes ``results.json`` and ``per_image.csv``, and on request the pictures.

    Args:
        config: From `engine.config.load_config`.
        checkpoint: Weights that fit the config's model; None for one that learns nothing.
        out_dir: Folder of what is written; by default ``test`` in the config's ``work_dir``, which
            is ``work_dirs/<config>`` if it names none.
        save_images: Also write every restored picture, to ``images/<set>/``, and what the network
            was given, to ``inputs/<set>/``.
        launcher: ``none``, ``pytorch`` or ``slurm``.
        name: Name of the method in tables; that of the config by default.
        sets: Names of the benchmark sets to score; all of the config's by default.

    Returns:
        The results; None on all processes but the first.

    Raises:
        FileNotFoundError: The checkpoint, a set that ``sets`` names, or every set is missing.
        ValueError: The config has no test sections or no set of a wanted name, or the checkpoint is
            missing or does not fit.
        OSError: ``out_dir`` cannot be written.
    """
    check_test(config)
    choose_sets(config, sets)
    weights = _weights(checkpoint, config)
    stem = Path(config.filename).stem if config.filename else "model"
    prepare_run(config, out_dir or Path(config.get("work_dir") or f"work_dirs/{stem}", "test"))
    absent = keep_present_sets(config)
    if sets and absent:
        raise FileNotFoundError(absent[0])
    config.load_from, config.resume = weights.get("checkpoint"), False
    if save_images:
        for metric in _each(config.test_evaluator):
            metric["save_dir"] = str(Path(config.work_dir, "images"))
            metric["input_dir"] = str(Path(config.work_dir, "inputs"))
    try:
        launch(launcher, config)
        with named_places(config):
            runner = TrainingRunner.from_cfg(config)
            for notice in absent:
                runner.logger.warning(f"Left out: {notice}")
            runner.test()
        if not is_main_process():
            del runner
            return None
        results = Results(
            model=name or stem,
            scale=network_scale(config) or runner.bare_model.scale,
            records=_records(runner.test_loop.evaluators),
            info={
                "config": str(config.filename),
                **weights,
                "left_out": absent,
                **_folders(runner, Path(config.work_dir) if save_images else None),
            },
        )
        write_results(config.work_dir, results)
        return results
    finally:
        finish()


def _weights(checkpoint: str | Path | None, config: Config) -> dict[str, str]:
    """Path and digest of the weights; nothing for a model without any to learn."""
    if checkpoint is None:
        with torch.device("meta"), named_places(config):
            model = MODELS.build(config.model)
        if any(parameter.requires_grad for parameter in model.parameters()):
            raise ValueError(f"{config.filename} describes a model to train; name a checkpoint")
        return {}
    path = Path(checkpoint)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path} does not exist")
    return {"checkpoint": str(path), "sha256": sha256(path)}


def choose_sets(config: Config, wanted: Sequence[str] | None) -> list[str]:
    """Drop the test sets that are not wanted; with None keep all.

    Returns:
        The names of those that stay.

    Raises:
        ValueError: The config has no set of a wanted name.
    """
    loaders = list(_each(config.get("test_dataloader") or []))
    names = [loader["dataset"].get("name") for loader in loaders]
    for name in wanted or []:
        if name not in names:
            raise ValueError(unknown("set", name, "the config's tests", filter(None, names)))
    chosen = [
        (n, item) for n, item in zip(names, loaders, strict=True) if not wanted or n in wanted
    ]
    config.test_dataloader = [item for _, item in chosen]
    return [name for name, _ in chosen]


def keep_present_sets(config: Config) -> list[str]:
    """Drop the test sets whose files are not there.

    Returns:
        Why each set was dropped, beginning with its name.

    Raises:
        FileNotFoundError: No set is left.
    """
    init_default_scope(config.get("default_scope", "ignn_toolbox"))
    present, absent = [], []
    with named_places(config):
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


def _folders(runner: TrainingRunner, written: Path | None) -> dict[str, dict[str, str]]:
    """Where the pictures of each set are, for comparisons and reports.

    Args:
        runner: After the test.
        written: Folder of those that the test wrote, if it did.
    """
    datasets = [loader.dataset for loader in runner.test_loop.dataloaders]
    ground_truth = {data.name: str(data.gt_dirs[0].absolute()) for data in datasets}
    if written is None:
        return {"gt_dirs": ground_truth}
    made, given = (
        {data.name: str((written / kind / data.name).absolute()) for data in datasets}
        for kind in ("images", "inputs")
    )
    return {"gt_dirs": ground_truth, "sr_dirs": made, "lq_dirs": given}


def _records(evaluators: list[Evaluator]) -> list[dict[str, Any]]:
    metrics = [metric for evaluator in evaluators for metric in evaluator.metrics]
    return [record for metric in metrics for record in getattr(metric, "records", [])]


def _each(section: Any) -> Iterator[Any]:
    yield from [section] if isinstance(section, Mapping) else section
