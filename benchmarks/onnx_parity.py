"""Networks exported to ONNX and run in onnxruntime beside torch, on noise of three sizes.

Networks that ship have their weights. The others have random ones, also where a layer starts at
zero, so that every part counts.

    python benchmarks/onnx_parity.py --out benchmarks/results/onnx_parity.csv
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from frame.table import write_table
from torch import nn

from ignn_toolbox.apis import init_model
from ignn_toolbox.export import export_onnx, onnx_parity
from ignn_toolbox.registry import MODELS

RGB = {"type": "RGBEmbedder"}
SMALL = {"type": "EDSR", "scale": 2, "channels": 16, "num_blocks": 4}
CASES: dict[str, dict | str] = {
    "edsr_tiny_x2": "edsr_tiny_x2",
    "ignn_tiny_x2": "ignn_tiny_x2",
    "RCAN x3": SMALL | {"type": "RCAN", "scale": 3, "num_groups": 2, "reduction": 4},
    "EDSR x2, NonLocal": SMALL | {"aggregator": {"type": "NonLocal", "channels": 16}},
    "EDSR x2, SameScaleKNN": SMALL
    | {"aggregator": {"type": "SameScaleKNN", "channels": 16, "embedder": RGB, "window": 20}},
    "EDSR x4, GraphAgg x2 after VGG19": SMALL
    | {
        "scale": 4,
        "aggregator": {
            "type": "GraphAgg",
            "channels": 16,
            "scale": 2,
            "embedder": {"type": "VGGEmbedder", "weights": "random"},
        },
    },
    "EDSR x3, GraphAgg x3, whole image": SMALL
    | {
        "scale": 3,
        "aggregator": {
            "type": "GraphAgg",
            "channels": 16,
            "scale": 3,
            "embedder": RGB,
            "window": None,
        },
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, help="this one only")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/onnx_parity.csv"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name, case in CASES.items():
        if args.case not in (None, name):
            continue
        network = init_model(case).network if isinstance(case, str) else random_network(case)
        started = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            export_onnx(network, path, {})
            seconds = round(time.process_time() - started)
            size = f"{path.stat().st_size / 2**20:.1f}"
            found = onnx_parity(network, path)
        row: dict = {"network": name, "MiB": size, "CPU seconds of export": seconds}
        row |= {f"{p.width}x{p.height}": f"{p.difference:.1e}" for p in found}
        print(row, flush=True)
        write_table(args.out, [row], key=["network"])


def random_network(config: dict) -> nn.Module:
    """A network in which no layer is zero."""
    torch.manual_seed(0)
    network = MODELS.build(config).eval()
    for parameter in network.parameters():
        if parameter.requires_grad and not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    return network


if __name__ == "__main__":
    main()
