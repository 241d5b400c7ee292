"""Grids: many variants of a config named in one file.

A grid file is YAML::

    base: CONFIG                      # a config file or bundled config
    options: {train_cfg.max_iters: 2000}       # changes to every variant, by dotted key
    axes:
      k: [1, 3, 5]                    # k, d, position and seed are known by these names
      weights:                        # others list their values by label, with what they change
        ECN: {}
        no ECN: {model.network.aggregator.ecn: false}
        official: {config: ANOTHER_CONFIG, checkpoint: FILE}
      seed: [0, 1, 2]
    baseline: {k: 5}                  # what tables compare with; the first variant by default
    sets: [Set14, Urban100]           # benchmark sets; all of the config's by default
    select: best                      # the weights to test: best (on validation) or last
    paper: {table: 5, rows: {"k = 5": "k = 5"}}    # the paper's figures to print beside

Every combination of the axes' values is a variant. ``config`` replaces the base; ``checkpoint``
names trained weights, which are then only tested.
"""

import copy
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from mmengine.config import Config

from ..checkpoint import load_checkpoint, meta_of
from ..files import did_you_mean
from ..registry import MODELS
from ..zoo.paths import configs_dir
from ..zoo.warm_start import find_checkpoint
from .checkpoint import training_checkpoints
from .config import load_config, named_places
from .preflight import check_training
from .resume import config_changes, plain, run_digest
from .test import choose_sets

_KEYS = ("base", "options", "axes", "baseline", "sets", "select", "paper")
_KNOWN_AXES = {
    "k": ("model.network.aggregator.num_neighbors", "k = {}"),
    "d": ("model.network.aggregator.window", "d = {}"),
    "position": ("model.network.aggregate_after", "after block {}"),
    "seed": ("randomness.seed", "{}"),
}
_WHOLE = "whole image"


@dataclass(frozen=True)
class Variant:
    """One run of a grid.

    Attributes:
        label: Its values on all axes but the seed.
        seed: Of its training.
        config: What is run.
        folder: Where its results go; the name carries a digest of the config, so that a changed
            config starts afresh.
        checkpoint: Trained weights to test; None when the variant is trained here.
    """

    label: str
    seed: int
    config: Config
    folder: Path
    checkpoint: Path | None = None

    @property
    def name(self) -> str:
        return f"{self.label}, seed {self.seed}"


@dataclass(frozen=True)
class Grid:
    """A grid file, read and found to be sound.

    Attributes:
        name: The file's stem.
        variants: All runs, in the order of the axes.
        baseline: Label of the variant that tables compare with.
        sets: Benchmark sets that are tested.
        select: ``best`` or ``last``: which weights of a training are tested.
        paper_table: Number of the paper's table to print beside, or None.
        paper_rows: The table's row for each label whose names differ.
    """

    name: str
    variants: list[Variant]
    baseline: str
    sets: list[str]
    select: str = "best"
    paper_table: int | None = None
    paper_rows: dict[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """The rows of its table."""
        return list(dict.fromkeys(variant.label for variant in self.variants))


def load_grid(
    path: str | Path,
    out_dir: str | Path,
    data_root: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Grid:
    """Read a grid file and check all of its variants, so that none fails for a slip of the pen.

    Args:
        path: The file, or its path relative to the bundled configs.
        out_dir: Folder of the variants' folders.
        data_root: Folder that holds the data sets; replaces the configs' own.
        options: Changes to every variant, after the file's own.

    Raises:
        FileNotFoundError: The file, a config or a checkpoint does not exist.
        ValueError: A key or value means nothing, a network cannot be built, two variants are the
            same, or a checkpoint belongs to another config; names the variant.
    """
    file = _find(path)
    content = _read(file)
    for key in ("base", "axes"):
        if key not in content:
            raise ValueError(f"{file} names no `{key}`")
    axes = {name: _axis(name, values) for name, values in content["axes"].items()}
    variants = []
    for chosen in itertools.product(*axes.values()):
        labels = dict(zip(axes, (label for label, _ in chosen), strict=True))
        label = ", ".join(text for axis, text in labels.items() if axis != "seed") or file.stem
        changes = {**(content.get("options") or {}), **(options or {})}
        for _, change in chosen:
            changes |= change
        try:
            variants.append(_variant(label, changes, content, file, Path(out_dir), data_root))
        except (ValueError, TypeError, FileNotFoundError) as error:
            raise type(error)(f"variant {_named(labels)}: {error}") from error
    _check_distinct(variants)
    paper = content.get("paper") or {}
    _check_keys(paper, ("table", "rows"), "paper")
    grid = Grid(
        file.stem,
        variants,
        _baseline(content.get("baseline"), axes, variants),
        _keep_sets(variants, content.get("sets")),
        content.get("select", "best"),
        paper.get("table"),
        dict(paper.get("rows") or {}),
    )
    if grid.select not in ("best", "last"):
        raise ValueError(f"select must be best or last, got {grid.select!r}")
    unknown = [label for label in grid.paper_rows if label not in grid.labels]
    if unknown:
        raise ValueError(_unknown("label", unknown[0], "paper.rows", grid.labels))
    return grid


def _find(path: str | Path) -> Path:
    for candidate in (Path(path), configs_dir() / path):
        if candidate.is_file():
            return candidate
    bundled = [str(p.relative_to(configs_dir())) for p in sorted(configs_dir().glob("*/*.yml"))]
    grids = [name for name in bundled if not name.endswith("metafile.yml")]
    raise FileNotFoundError(f"grid file {path} does not exist; bundled: {', '.join(grids)}")


def _read(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{file} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} holds no grid: it must name a base and axes")
    _check_keys(content, _KEYS, str(file))
    return content


def _axis(name: str, values: Any) -> list[tuple[str, dict[str, Any]]]:
    """An axis as (label, changes) pairs."""
    if isinstance(values, Mapping) and values:
        wrong = [label for label, change in values.items() if not isinstance(change, Mapping)]
        if wrong:
            raise ValueError(f"axis {name}: {wrong[0]!r} must map dotted keys to values")
        return [(str(label), dict(change)) for label, change in values.items()]
    if not isinstance(values, list) or not values:
        raise ValueError(f"axis {name} has no values")
    if name not in _KNOWN_AXES:
        raise ValueError(
            f"{_unknown('axis', name, 'the grid', _KNOWN_AXES)} (other axes map labels to changes)"
        )
    key, text = _KNOWN_AXES[name]
    for value in values:
        if not (type(value) is int or (name == "d" and value is None)):
            raise ValueError(f"axis {name}: {value!r} is no integer")
    return [(_WHOLE if value is None else text.format(value), {key: value}) for value in values]


def _variant(
    label: str,
    changes: dict[str, Any],
    content: dict[str, Any],
    file: Path,
    out_dir: Path,
    data_root: str | Path | None,
) -> Variant:
    base = changes.pop("config", content["base"])
    checkpoint = changes.pop("checkpoint", None)
    beside = file.parent / base
    config = load_config(beside if beside.is_file() else base, changes, data_root=data_root)
    with torch.device("meta"), named_places(config):
        MODELS.build(config.model)
    weights = None
    if checkpoint is not None:
        weights = find_checkpoint(checkpoint)
        _check_belongs(weights, config, ("model",))
    else:
        check_training(config)
        start = (config.model.network.get("init_cfg") or {}).get("checkpoint")
        if start is not None:
            find_checkpoint(start)
    seed = int((config.get("randomness") or {}).get("seed") or 0)
    slug = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")
    folder = out_dir / f"{slug}_seed{seed}-{run_digest(config)}"
    for own in training_checkpoints(folder)[:1]:
        _check_belongs(own, config, None)
    return Variant(label, seed, config, folder, weights)


def _check_belongs(file: Path, config: Config, sections: tuple[str, ...] | None) -> None:
    """Raise where a checkpoint's config differs, in the given sections or in all that matter."""
    meta = meta_of(load_checkpoint(file))
    now = plain(config.to_dict())
    before = meta.get("training_config") or {"model": meta.get("config")}
    if sections is not None:
        before, now = ({key: _bare(part.get(key)) for key in sections} for part in (before, now))
    changes = list(config_changes(before, now))
    if changes:
        listed = "".join(f"\n  {change}" for change in changes[:8])
        raise ValueError(f"{file} belongs to another config:{listed}")


def _bare(model: Any) -> Any:
    """A model's config without what does not outlast its training."""
    model = copy.deepcopy(model or {})
    for key in ("loss", "self_ensemble", "test_procedure", "train_only"):
        model.pop(key, None)
    (model.get("network") or {}).pop("init_cfg", None)
    return model


def _check_distinct(variants: list[Variant]) -> None:
    seen: dict[Any, Variant] = {}
    for variant in variants:
        key = run_digest(variant.config), variant.checkpoint
        if key in seen:
            raise ValueError(f"two variants are the same: {seen[key].name} and {variant.name}")
        seen[key] = variant


def _baseline(
    wanted: Mapping[str, Any] | None, axes: Mapping[str, list], variants: list[Variant]
) -> str:
    if wanted is None:
        return variants[0].label
    _check_keys(wanted, [name for name in axes if name != "seed"], "baseline")
    parts = []
    for name, pairs in axes.items():
        if name == "seed":
            continue
        labels = [label for label, _ in pairs]
        value = wanted.get(name, labels[0])
        if name in _KNOWN_AXES and not isinstance(value, str):
            value = _WHOLE if value is None else _KNOWN_AXES[name][1].format(value)
        if value not in labels:
            raise ValueError(_unknown(f"value of {name}", str(value), "baseline", labels))
        parts.append(value)
    return ", ".join(parts)


def _keep_sets(variants: list[Variant], wanted: list[str] | None) -> list[str]:
    """Drop the test sets that are not wanted; return the names of those that stay."""
    kept: list[str] = []
    for variant in variants:
        try:
            kept += choose_sets(variant.config, wanted)
        except ValueError as error:
            raise ValueError(f"variant {variant.label}: {error}") from error
    return list(dict.fromkeys(wanted or kept))


def _check_keys(node: Any, known: Iterable[str], place: str) -> None:
    if not isinstance(node, Mapping):
        raise ValueError(f"{place} must be a mapping, got {node!r}")
    for key in node:
        if key not in known:
            raise ValueError(_unknown("key", str(key), place, known))


def _unknown(kind: str, name: str, place: str, known: Iterable[str]) -> str:
    known = [str(item) for item in known]
    return f"unknown {kind} `{name}` in {place}; {did_you_mean(name, known)}"


def _named(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{axis}: {label}" for axis, label in labels.items())
