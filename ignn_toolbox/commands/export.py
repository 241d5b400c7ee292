"""``ignn export``: a model as a file for other programs."""

import argparse
from pathlib import Path

HELP = """Write a model as an ONNX file, for any picture size and with the graph search inside, or
its weights as safetensors. An ONNX file is compared with the network afterwards, if onnxruntime is
installed."""
EXAMPLES = """examples:
  ignn export ignn_tiny_x2 --onnx ignn_tiny_x2.onnx
  ignn export my_config.py work_dirs/iter_9000.pth --onnx my_model.onnx
  ignn export ignn_tiny_x2 --safetensors ignn_tiny_x2.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="zoo name, config, or checkpoint of this toolbox")
    parser.add_argument("checkpoint", nargs="?", help="weights to load into the model")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--onnx", type=Path, metavar="FILE", help="write an ONNX file")
    what.add_argument("--safetensors", type=Path, metavar="FILE", help="write the weights")
    parser.add_argument("--licence", help="what the file says of its terms (default: the zoo's)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(args: argparse.Namespace) -> int:
    """Write one file and say where it is."""
    output, suffix = (
        (args.onnx, ".onnx") if args.onnx is not None else (args.safetensors, ".safetensors")
    )
    if output.suffix != suffix:
        raise ValueError(f"{output} must end in {suffix}")
    if output.exists() and not args.overwrite:
        raise FileExistsError(f"{output} exists; use --overwrite or another name")
    if args.onnx is not None:
        return _onnx(args, output)
    from ..export.weights import export_safetensors

    export_safetensors(args.model, args.checkpoint, output)
    print(f"wrote {output}, which --checkpoint and --model of every command take")
    return 0


def _onnx(args: argparse.Namespace, output: Path) -> int:
    from ..export.errors import ExportError
    from ..export.onnx import TOLERANCE, export_onnx, onnx_parity
    from ..export.weights import file_metadata
    from ..files import write_whole
    from ..zoo.loading import init_model

    network = init_model(args.model, args.checkpoint).network
    metadata = file_metadata(args.model, network, args.licence)
    with write_whole(output) as unchecked:
        export_onnx(network, unchecked, metadata)
        try:
            found = onnx_parity(network, unchecked)
        except ImportError:
            print("not compared with the network: pip install onnxruntime")
            found = []
        for parity in found:
            size = f"{parity.width}x{parity.height}"
            print(f"{size}: differs from torch by {parity.difference:.1e} at most")
        if any(not parity.difference <= TOLERANCE for parity in found):
            raise ExportError(f"the exported network differs by more than {TOLERANCE:g}")
    print(f"wrote {output}, {output.stat().st_size / 2**20:.1f} MiB")
    return 0
