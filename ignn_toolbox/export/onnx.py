"""ONNX files of networks, and the comparison of such a file with its network."""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ..files import write_whole
from ..models.embedders.frozen import FrozenEmbedder
from ..models.steps import Network
from .errors import ExportError
from .forms import PlainForms

OPSET = 20
TOLERANCE = 1e-4
INSTALL = "pip install 'ignn_toolbox[export]'"
# even and odd sides; the traced picture has another size than all of them
_TRACED = (67, 58)
_COMPARED = ((64, 64), (65, 48), (41, 95))
_PICTURES = 3  # of each size, at most
_OPERATOR = (r"OpOverload\(op='([\w.]+)'", r"target=torch\.ops\.([\w.]+)")


@dataclass(frozen=True)
class Parity:
    """A network and its file on one picture.

    Attributes:
        height: Of the picture.
        width: Of the picture.
        difference: Largest absolute difference of the two results, in units of the range [0, 1].
    """

    height: int
    width: int
    difference: float


def export_onnx(network: Network, path: str | Path, metadata: Mapping[str, str]) -> None:
    """Write an ONNX file: input ``lq`` (1, C, H, W), output ``sr``, any H and W.

    In [0, 1], of the network's channels; the result is not clamped. The graph search is part of the
    file. Shorter sides than the network's ``min_size`` are not refused by the file: who runs it
    looks at its metadata.

    Args:
        network: On the CPU, in eval mode; stays as it is.
        path: Written under a temporary name, then renamed.
        metadata: Written into the file.

    Raises:
        ExportError: The exporter is not installed, or the network cannot be exported; the step that
            its spec names, or an operator that ONNX does not have, is named.
    """
    if network.spec.not_exported:
        raise ExportError(
            f"{type(network).__name__} cannot be exported: {network.spec.not_exported}"
        )
    for module in network.modules():
        if isinstance(module, FrozenEmbedder):
            module.init_weights()  # else its first call, the traced one, would read them
    least, channels = network.spec.min_size, network.spec.channels[0]
    if network.spec.multiple_of > 1:  # a side of one multiple would be traced as another case
        least = max(least, network.spec.multiple_of + 1)
    sides = [torch.export.Dim(name, min=max(least, 2)) for name in ("height", "width")]
    with _quiet(), torch.no_grad(), PlainForms():
        try:
            program = torch.onnx.export(
                network,
                (torch.rand(1, channels, *(max(side, 3 * least) for side in _TRACED)),),
                dynamo=True,
                dynamic_shapes=({2: sides[0], 3: sides[1]},),
                input_names=["lq"],
                output_names=["sr"],
                opset_version=OPSET,
                verbose=False,
            )
        except ImportError as error:
            raise ExportError(f"the ONNX exporter is not installed: {INSTALL}") from error
        except (torch.onnx.OnnxExporterError, RuntimeError, ExportError) as error:
            raise ExportError(_explained(type(network).__name__, error)) from error
    assert program is not None
    program.model.metadata_props.update(metadata)
    with write_whole(path) as partial:
        program.save(partial)


def onnx_parity(network: Network, path: str | Path, threads: int = 1) -> list[Parity]:
    """Run a file in onnxruntime beside its network on noise of three sizes, odd ones too.

    Where a query's k-th and next neighbour are equally far but for rounding, either may be chosen,
    and the results differ around it. That is rare in noise; a picture in which it happens is
    replaced by another one.

    Raises:
        ImportError: onnxruntime is not installed.
    """
    session = onnx_session(path, threads)
    least = network.spec.min_size
    found = []
    for height, width in _COMPARED:
        shape = (1, network.spec.channels[0], max(height, least), max(width, least + 1))
        best = float("inf")
        for seed in range(_PICTURES):
            lq = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
            with torch.inference_mode():
                expected = network(lq)
            (sr,) = session.run(["sr"], {"lq": lq.numpy()})
            best = min(best, float((torch.from_numpy(sr) - expected).abs().max()))
            if best <= TOLERANCE:
                break
        found.append(Parity(shape[2], shape[3], best))
    return found


def onnx_session(path: str | Path, threads: int):  # type: ignore[no-untyped-def]
    """An onnxruntime session on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on packages that are not needed here."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _explained(name: str, error: BaseException) -> str:
    """What stopped the exporter: the operator where there is one, else the first cause."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    for link in chain:
        if isinstance(link, ExportError):
            return f"{name} cannot be exported: {link}"
        for pattern in _OPERATOR:
            found = re.search(pattern, str(link))
            if found:
                return (
                    f"{name} cannot be exported: its operator `{found[1]}` has no form in ONNX for "
                    "pictures of any size"
                )
    lines = [line for line in str(chain[-1]).splitlines() if line.strip()] or [repr(chain[-1])]
    return f"{name} cannot be exported: it cannot be traced for pictures of any size: {lines[0]}"
