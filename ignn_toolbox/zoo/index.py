"""What ships with the package: bundled configs, and the models that the metafiles describe.

A method's ``configs/<method>/metafile.yml`` lists ``Models``, each with ``Name`` (the grammar name
of its config), ``Alias`` (its short zoo name), ``Config`` (relative to the configs folder),
``Scale``, ``Parameters``, ``Results`` and, where it is not super-resolution, ``Purpose``; a model
that learnt something also has ``Weights``, ``SHA256``, ``Size`` and ``Training`` (data, its terms,
the command). ``Weights`` is a file in ``zoo/checkpoints``, or a list of URLs of the same file,
which is downloaded when it is first used. Where the weights are other code's to give, ``Foreign``
names the kind of checkpoint instead that `ignn import` takes for the model.
"""

import fnmatch
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..files import nearest, sha256
from .download import cache_dir, fetch, file_name
from .paths import checkpoints_dir, configs_dir

DEFAULT_MODEL = "edsr_tiny_x2"


@dataclass(frozen=True)
class ZooModel:
    """One model of the zoo.

    Attributes:
        name: Its zoo name, such as ``ignn_tiny_x2``.
        config: Its config file.
        weights: Its checkpoint file, which may have to be downloaded first; ``None`` for a model
            that learns nothing.
        sha256: Hexadecimal digest of the checkpoint file.
        scale: Upscaling factor.
        parameters: Number of parameters, fixed ones included.
        training: Data, its terms of use and the command, as the metafile says.
        results: Measured figures: a list of ``{Dataset, Protocol, PSNR, SSIM}``.
        urls: Where the checkpoint is to be had; empty for one that ships with the package.
        foreign: The kind of other code's checkpoints that hold its weights, which do not ship.
        size: Number of the checkpoint's bytes, if the metafile says so.
        purpose: What it is for, as its network's spec says.
    """

    name: str
    config: Path
    weights: Path | None
    sha256: str | None
    scale: int
    parameters: int
    training: dict[str, Any] = field(default_factory=dict)
    results: list[dict[str, Any]] = field(default_factory=list)
    urls: tuple[str, ...] = ()
    foreign: str | None = None
    size: int | None = None
    purpose: str = "super-resolution"

    @property
    def is_ready(self) -> bool:
        """Whether it runs as it ships: it has weights, or learns nothing."""
        return self.weights is not None or self.parameters == 0

    def verify(self) -> Path | None:
        """Return the checkpoint's path, if any, after comparing its digest with the metafile's.

        A checkpoint that does not ship is downloaded unless it has been before.

        Raises:
            FileNotFoundError: The file is missing.
            ValueError: The file is not the one that was published.
            OSError: The file could not be downloaded.
        """
        if not self.is_ready:
            other = f"convert a checkpoint of {self.foreign} with `ignn import`, or "
            raise FileNotFoundError(
                f"{self.name} ships without weights: {other if self.foreign else ''}train "
                f"{self.config.stem}, and name the file that comes of it"
            )
        if self.weights is None:
            return None
        if self.urls:
            return fetch(self.urls, str(self.sha256), self.weights, self.size)
        if not self.weights.is_file():
            raise FileNotFoundError(
                f"{self.weights}, the checkpoint of {self.name}, is missing; install again"
            )
        found = sha256(self.weights)
        if found != self.sha256:
            raise ValueError(
                f"{self.weights} has SHA-256 {found}, its metafile says {self.sha256}; "
                "the file is damaged, install again"
            )
        return self.weights


def zoo_models() -> dict[str, ZooModel]:
    """The models that can be run as they ship, by name, in the metafiles' order."""
    return {name: model for name, model in described_models().items() if model.is_ready}


def described_models() -> dict[str, ZooModel]:
    """All models of the metafiles by name, in their order."""
    models = {}
    for metafile in sorted(configs_dir().glob("*/metafile.yml")):
        entries = yaml.safe_load(metafile.read_text(encoding="utf-8")) or {}
        for entry in entries.get("Models", []):
            model = described(entry)
            models[model.name] = model
    return models


def described(entry: dict[str, Any]) -> ZooModel:
    """The model that an entry of a metafile describes."""
    weights, urls = _weights(entry.get("Weights"))
    return ZooModel(
        name=entry.get("Alias", entry["Name"]),
        config=configs_dir() / entry["Config"],
        weights=weights,
        urls=urls,
        sha256=entry.get("SHA256"),
        size=entry.get("Size"),
        scale=entry["Scale"],
        parameters=entry["Parameters"],
        training=entry.get("Training", {}),
        results=entry.get("Results", []),
        foreign=entry.get("Foreign"),
        purpose=entry.get("Purpose", "super-resolution"),
    )


def list_models(pattern: str = "*") -> list[str]:
    """The zoo names that match a shell pattern, sorted.

    Args:
        pattern: Such as ``ignn*``.

    Examples:
        >>> list_models("edsr_tiny_x[23]")
        ['edsr_tiny_x2', 'edsr_tiny_x3']
    """
    return sorted(fnmatch.filter(zoo_models(), pattern))


def siblings_of(model: object) -> dict[int, str]:
    """Find a zoo model's kind at every scale: ``ignn_tiny_x2``, ``ignn_tiny_x3``, ...

    Args:
        model: A zoo name; what is none has no siblings.

    Returns:
        Zoo names by scale, the model's own among them.
    """
    models = zoo_models()
    if not isinstance(model, str) or model not in models:
        return {}
    stem = model.removesuffix(f"_x{models[model].scale}")
    return {m.scale: name for name, m in models.items() if name == f"{stem}_x{m.scale}"}


def bundled_configs() -> dict[str, Path]:
    """The bundled configs that can be trained, by file stem; ``_base_`` parts are left out."""
    root = configs_dir()
    files = (path for path in root.rglob("*.py") if "_base_" not in path.relative_to(root).parts)
    return {path.stem: path for path in sorted(files)}


def resolve(name_or_path: str | Path) -> tuple[Path, Path | None]:
    """Find a config, and the zoo's checkpoint where the name is a zoo name.

    Args:
        name_or_path: As in `find_config`.

    Returns:
        The config's path, and the verified checkpoint's path or None.

    Raises:
        FileNotFoundError: Nothing is called so; the message names the nearest that exist.
        ValueError: The checkpoint is damaged.
        OSError: The checkpoint could not be downloaded.
    """
    model = described_models().get(str(name_or_path))
    return find_config(name_or_path), None if model is None else model.verify()


def find_config(name_or_path: str | Path) -> Path:
    """Find a config; no checkpoint is looked for.

    Args:
        name_or_path: A zoo name (``ignn_tiny_x2``), a config file, the name of a bundled config
            with or without ``.py``, or its path relative to the configs folder.

    Raises:
        FileNotFoundError: Nothing is called so; the message names the nearest that exist.
    """
    text = str(name_or_path)
    models = described_models()
    if text in models:
        return models[text].config
    path = Path(name_or_path)
    if path.suffix in (".py", ".json", ".yaml", ".yml") and path.is_file():
        return path  # the reader refuses what is no Python file, by name
    configs = bundled_configs()
    if path.stem in configs and path.suffix in ("", ".py") and len(path.parts) == 1:
        return configs[path.stem]
    inside = (configs_dir() / path).with_suffix(".py")
    if len(path.parts) == 2 and not path.is_absolute() and inside.is_file():
        return inside
    raise FileNotFoundError(f"no model or config `{text}`; {_suggestion(text, models, configs)}")


def _weights(entry: str | list[str] | None) -> tuple[Path | None, tuple[str, ...]]:
    """The file that a metafile's ``Weights`` stands for, and its addresses."""
    if isinstance(entry, list):
        return cache_dir() / "checkpoints" / file_name(entry[0]), tuple(entry)
    return (checkpoints_dir() / entry if entry else None), ()


def _suggestion(text: str, models: dict[str, ZooModel], configs: dict[str, Path]) -> str:
    near = nearest(Path(text).stem, [*models, *configs], 3, 0.5)
    if near:
        return f"nearest: {', '.join(near)}"
    return "`ignn models --configs` lists what ships"
