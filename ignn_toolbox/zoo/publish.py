"""Puts a trained model into the zoo: its bare weights, its card, and a metafile entry."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..checkpoint import load_checkpoint, meta_of, save_checkpoint
from ..engine.config import load_config
from ..engine.resume import config_changes
from ..evaluation.results import Results
from ..files import sha256, write_bytes
from ..models.restorers import Restorer
from ..registry import MODELS
from ..stored_model import config_to_store, stored_config, stored_metrics
from ..version import __version__
from ..weights import load_weights
from .card import model_card
from .download import file_name
from .index import bundled_configs, described

_HEADER = "# Written by `ignn publish` from measured results; see `ignn publish --help`.\n"


def publish(
    checkpoint: str | Path | None,
    config_name: str,
    alias: str,
    results: Results,
    training: dict[str, Any],
    root: Path,
    *,
    urls: Sequence[str] = (),
    upload_dir: Path = Path(),
) -> dict[str, Any]:
    """Publish a checkpoint under a zoo name.

    The optimizer, the training config and its local paths are left behind. The weights, and the
    model's card beside them, go to the package's own checkpoints, or where they will be downloaded
    from ``urls``, to ``upload_dir``. The entry replaces an earlier one of the same name.

    Args:
        checkpoint: What training wrote; ``None`` for a network without parameters.
        config_name: Name of the bundled config it was trained from.
        alias: The zoo name, such as ``ignn_tiny_x2``.
        results: Measured from this very checkpoint file.
        training: Data, its terms and the command, as the metafile shall say.
        root: The checkout, which holds ``configs`` and ``ignn_toolbox``.
        urls: Addresses at which the file will be found; none for one that ships with the package.
        upload_dir: Folder for the file to upload.

    Returns:
        The metafile entry.

    Raises:
        FileNotFoundError: The checkpoint, the config or the checkout is missing.
        ValueError: The results are another checkpoint's, or the weights do not fit the config.
    """
    config, metafile = _places(config_name, root)
    entry: dict[str, Any] = {
        "Name": config.stem,
        "Alias": alias,
        "Config": f"{config.parent.name}/{config.name}",
    }
    if checkpoint is None:
        entry |= _without_weights(config)
    else:
        name = file_name(urls[0]) if urls else f"{alias}.pth"
        folder = upload_dir if urls else root / "ignn_toolbox" / "zoo" / "checkpoints"
        weights = folder / name
        entry |= _with_weights(Path(checkpoint), config, weights, results, training)
        entry["Weights"] = list(urls) or name
    entry["Results"] = [
        {
            "Dataset": mean.dataset,
            "Images": mean.images,
            "Protocol": mean.protocol,
            "PSNR": round(mean.psnr, 4),
            "SSIM": round(mean.ssim, 6),
        }
        for mean in results.means
    ]
    if checkpoint is not None:
        card = model_card(described(entry))
        write_bytes(weights.with_suffix(".md"), card.encode())
    _write_entry(metafile, entry)
    return entry


def _without_weights(config: Path) -> dict[str, Any]:
    network = MODELS.build(load_config(config).model).network
    if any(True for _ in network.parameters()):
        raise ValueError(f"{config.stem} has parameters: name the checkpoint to publish")
    return {"Scale": network.spec.scale, "Parameters": 0}


def _with_weights(
    checkpoint: Path,
    config: Path,
    weights: Path,
    results: Results,
    training: dict[str, Any],
) -> dict[str, Any]:
    """Check the checkpoint, write its bare weights, and describe them."""
    content = load_checkpoint(checkpoint)
    measured = results.info.get("sha256")
    if measured != sha256(checkpoint):
        raise ValueError(
            f"the results were measured with another file than {checkpoint} "
            f"(SHA-256 {measured}); run `ignn test` with this one"
        )
    restorer = _fitting_restorer(config, content, checkpoint)
    meta = meta_of(content)
    weights.parent.mkdir(parents=True, exist_ok=True)
    kept = {
        "config": _same_network(content, config, checkpoint),
        "scale": restorer.scale,
        "toolbox_version": __version__,
        "metrics": stored_metrics(content),
    }
    save_checkpoint({"meta": kept, "state_dict": restorer.state_dict()}, weights)
    purpose = restorer.network.spec.purpose
    return {
        "SHA256": sha256(weights),
        "Size": weights.stat().st_size,
        "Scale": restorer.scale,
        **({} if purpose == "super-resolution" else {"Purpose": purpose}),
        "Parameters": sum(value.numel() for value in restorer.network.parameters()),
        "Training": training | {"Iterations": _count(meta, "iter"), "Seed": _count(meta, "seed")},
    }


def _same_network(content: dict[str, Any], config: Path, checkpoint: Path) -> dict[str, Any]:
    """The model's config, which the checkpoint must have been trained with.

    What is published says what the checkout says, not what a file does.
    """
    own = config_to_store(load_config(config).model)
    stored = stored_config(content, str(checkpoint))
    before, now = ({"model": {"network": part.get("network")}} for part in (stored, own))
    changes = "".join(f"\n  {change}" for change in config_changes(before, now))
    if changes:
        raise ValueError(f"{checkpoint} was trained with another network than {config}:{changes}")
    return own


def _count(meta: Mapping[str, Any], key: str) -> int | None:
    value = meta.get(key)
    return value if isinstance(value, int) else None


def _places(config_name: str, root: Path) -> tuple[Path, Path]:
    if not (root / "ignn_toolbox" / "zoo").is_dir():
        raise FileNotFoundError(f"{root} is no checkout of the toolbox; name it with --root")
    name = bundled_configs().get(Path(config_name).stem)
    config = root / "configs" / name.parent.name / name.name if name else None
    if config is None or not config.is_file():
        raise FileNotFoundError(f"{root / 'configs'} has no config {config_name}")
    return config, config.with_name("metafile.yml")


def _fitting_restorer(config: Path, content: dict[str, Any], checkpoint: Path) -> Restorer:
    restorer = MODELS.build(load_config(config).model)
    load_weights(restorer, content, str(checkpoint))
    return restorer


def _write_entry(metafile: Path, entry: dict[str, Any]) -> None:
    content: dict[str, Any] = {}
    if metafile.is_file():
        content = yaml.safe_load(metafile.read_text(encoding="utf-8")) or {}
    others = [old for old in content.get("Models", []) if old.get("Alias") != entry["Alias"]]
    content["Models"] = sorted([*others, entry], key=lambda model: model.get("Alias", ""))
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    write_bytes(metafile, (_HEADER + text).encode())
