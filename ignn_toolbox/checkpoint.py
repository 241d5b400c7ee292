"""Checkpoint files: read without ever running code from them, written whole or not at all.

A checkpoint is ``{"meta": dict, "state_dict": dict}``; one that training resumes from holds the
optimizer, the schedules and the position in the data beside them. Files written here contain
tensors and plain Python values only. Files of other mmengine projects hold a few more types;
they are admitted one by one below, and ``getattr``, which those files call, only reaches the
handful of functions that mmengine stores.
"""

import json
import pickle
import re
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .files import write_whole

try:
    from numpy._core import multiarray
except ImportError:  # numpy 1.x
    from numpy.core import multiarray  # type: ignore[no-redef]

_MEMBER = b"PK\3\4"  # what an archive begins with
_END = struct.Struct("<4s4H2LH")
_IN_64_BITS = 2**32 - 1  # stands for an offset that is written elsewhere in the file
_KINDS = {
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.complex64, torch.complex128),
}
_SHARED = 16  # how many tensors may lie in the same bytes, on average


class CheckpointError(ValueError):
    """A checkpoint that is damaged, unsafe, or made for another network."""


def meta_of(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a checkpoint says of itself; nothing where its ``meta`` is of another kind."""
    meta = checkpoint.get("meta")
    return meta if isinstance(meta, Mapping) else {}


def load_checkpoint(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint; nothing in the file is executed.

    Args:
        path: A PyTorch file or a ``.safetensors`` file (its ``meta`` entry, if any, is JSON).
        map_location: Device of the tensors, as for ``torch.load``.

    Returns:
        What the file holds; bare weights are returned as ``{"meta": {}, "state_dict": weights}``.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is truncated, is no checkpoint, or wants to run code.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path} does not exist")
    try:
        if path.suffix == ".safetensors":
            content: Any = _load_safetensors(path, map_location)
        else:
            content = _load_torch(path, map_location)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} was refused: {_objection(error)}; only tensors and plain values are read, "
            "because anything else in a checkpoint can run code"
        ) from None
    except CheckpointError:
        raise
    except Exception as error:  # damaged files fail in many ways inside torch
        raise CheckpointError(
            f"{path} cannot be read: {_first_line(error)}; the file is truncated, damaged or "
            "no checkpoint"
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a checkpoint")
    _check_tensors(content, path)
    if "state_dict" not in content and all(isinstance(v, torch.Tensor) for v in content.values()):
        return {"meta": {}, "state_dict": content}
    return content


def save_checkpoint(content: Mapping[str, Any], path: str | Path) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        content: Tensors and plain values.
        path: ``.safetensors`` stores ``state_dict`` and ``meta`` only; any other name is a
            PyTorch file.

    Raises:
        OSError: The disk is full or the folder not writable; nothing is left behind.
    """
    path = Path(path)
    _check_free_disk(content, path)
    try:
        with write_whole(path, durable=True) as partial:
            if path.suffix == ".safetensors":
                _write_safetensors(content, partial)
            else:
                with partial.open("wb") as file:
                    torch.save(dict(content), file)
    except (OSError, RuntimeError) as error:
        raise OSError(f"{path} could not be written: {_first_line(error)}") from error


def _mmengines() -> dict[type, tuple[str, ...]]:
    """The classes that files of mmengine's projects hold, and their functions that those name."""
    from mmengine.logging import HistoryBuffer
    from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

    return {
        HistoryBuffer: ("min", "max", "current", "mean"),
        OneCycleParamScheduler: ("_annealing_cos", "_annealing_linear"),
    }


def _restricted_getattr(owner: Any, name: str) -> Any:
    if any(owner is allowed and name in names for allowed, names in _mmengines().items()):
        return getattr(owner, name)
    raise pickle.UnpicklingError(f"Blocked getattr({getattr(owner, '__name__', owner)},{name})")


def _safe_globals() -> list[Callable | tuple[Callable, str]]:
    scalars = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")
    return [
        *_mmengines(),
        (_restricted_getattr, "builtins.getattr"),
        # Files written under numpy 1.x and 2.x name the module differently.
        (multiarray._reconstruct, "numpy._core.multiarray._reconstruct"),
        (multiarray._reconstruct, "numpy.core.multiarray._reconstruct"),
        (multiarray.scalar, "numpy._core.multiarray.scalar"),
        (multiarray.scalar, "numpy.core.multiarray.scalar"),
        np.ndarray,
        np.dtype,
        *[type(np.dtype(name)) for name in scalars],
    ]


def _load_torch(path: Path, map_location: Any) -> Any:
    with path.open("rb") as file:
        if file.read(4) == _MEMBER:
            _check_archive(path)
    if tarfile.is_tarfile(path):
        raise CheckpointError(f"{path} was refused: PyTorch's format before 0.1.10 can run code")
    with torch.serialization.safe_globals(_safe_globals()):
        return torch.load(path, map_location=map_location, weights_only=True)


def _check_archive(path: Path) -> None:
    """Refuse an archive that unpacks to more than it is: torch stores members as they are.

    Only an archive whose directory lies where its end says is accepted, so that torch reads the
    very directory that is looked at here.
    """
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        begin = archive.start_dir
    with path.open("rb") as file:
        file.seek(max(0, size - _END.size))
        end = file.read()
    if len(end) < _END.size or end[:4] != b"PK\5\6":
        raise CheckpointError(f"{path} was refused: bytes follow the end of its archive")
    *_, said, _ = _END.unpack(end)
    if said != begin and not said == _IN_64_BITS <= begin:
        raise CheckpointError(f"{path} was refused: it holds a second archive")
    if len({member.filename for member in members}) < len(members):
        raise CheckpointError(f"{path} was refused: it holds two members of one name")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError(
                f"{path} was refused: its member {ascii(member.filename)[:60]} is compressed, "
                "which PyTorch never writes; it could unpack to any size"
            )
    told = sum(member.file_size for member in members)
    if told > size:
        raise CheckpointError(
            f"{path} was refused: its members claim {told:,} bytes, but the file has {size:,}"
        )


def _check_tensors(content: Any, path: Path) -> None:
    """Refuse tensors that are larger than the file, or that no network of this toolbox has."""
    size, told = path.stat().st_size, 0
    seen, waiting = set(), [content]
    while waiting:
        node = waiting.pop()
        if isinstance(node, torch.Tensor):
            if not _is_plain(node):
                raise CheckpointError(
                    f"{path} was refused: it holds a tensor that is sparse, nested, quantised, "
                    f"empty of memory or of an odd kind ({node.dtype}); only plain ones are read"
                )
            bytes_ = node.numel() * node.element_size()
            told += bytes_
            if bytes_ > size or told > _SHARED * size:
                raise CheckpointError(
                    f"{path} was refused: its tensors claim {told:,} bytes, but the file has "
                    f"{size:,}"
                )
        elif isinstance(node, Mapping | list | tuple) and id(node) not in seen:
            seen.add(id(node))
            waiting.extend(node.values() if isinstance(node, Mapping) else node)


def _is_plain(tensor: torch.Tensor) -> bool:
    strange = tensor.is_nested or tensor.is_quantized or tensor.is_meta
    return not strange and tensor.layout is torch.strided and tensor.dtype in _KINDS


def _load_safetensors(path: Path, map_location: Any) -> dict[str, Any]:
    try:
        from safetensors import safe_open
    except ImportError as error:
        raise CheckpointError(
            f"{path} needs the package safetensors: pip install 'ignn_toolbox[safetensors]'"
        ) from error
    with safe_open(path, framework="pt", device=str(map_location or "cpu")) as file:
        meta = json.loads((file.metadata() or {}).get("meta", "{}"))
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return {"meta": meta, "state_dict": weights}


def _write_safetensors(content: Mapping[str, Any], path: Path) -> None:
    from safetensors.torch import save_file

    weights = {key: value.contiguous() for key, value in content["state_dict"].items()}
    save_file(weights, path, metadata={"meta": json.dumps(content.get("meta", {}))})


def _check_free_disk(content: Any, path: Path) -> None:
    needed = _tensor_bytes(content)
    free = shutil.disk_usage(path.parent).free
    if free < needed + needed // 16:  # what is not tensors, and the archive's own tables
        raise OSError(
            f"{path} could not be written: it needs {needed / 2**20:.0f} MiB, but only "
            f"{free / 2**20:.0f} MiB are free on that disk"
        )


def _tensor_bytes(node: Any) -> int:
    if isinstance(node, torch.Tensor):
        return node.numel() * node.element_size()
    if isinstance(node, Mapping):
        return sum(_tensor_bytes(value) for value in node.values())
    if isinstance(node, list | tuple):
        return sum(_tensor_bytes(value) for value in node)
    return 0


def _objection(error: pickle.UnpicklingError) -> str:
    """What the unpickler stumbled over, without PyTorch's advice to switch the check off."""
    text = str(error)
    wanted = re.search(r"GLOBAL ([\w.]+)|Blocked (\S+)", text)
    if wanted:
        return f"it refers to `{wanted[1] or wanted[2]}`"
    kind = re.search(r"but got (<class '[\w.]+'>)", text)
    if kind:
        return f"it holds an object of {kind[1]}"
    cause = re.search(r"WeightsUnpickler error:\s*(\S.*)", text)
    return cause[1].rstrip(". ") if cause else _first_line(error)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
