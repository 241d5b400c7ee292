"""Prints a network's parameters and its multiplications per output pixel.

Convolutions and matrix products are counted as they run on one LR image; the search for neighbours
is not a matter of multiplications alone and is left out.

Example: python tools/analysis/get_flops.py ignn_tiny_x2 --size 96 96
"""

import argparse

import torch
from mmengine.registry import init_default_scope
from torch.utils.flop_counter import FlopCounterMode

from ignn_toolbox.engine.config import load_config, parse_options
from ignn_toolbox.registry import MODELS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", metavar="CONFIG", help="config file, bundled config or zoo name")
    parser.add_argument(
        "--size", type=int, nargs=2, default=(96, 96), metavar=("H", "W"), help="LR image (96 96)"
    )
    parser.add_argument(
        "--cfg-options", action="extend", nargs="+", metavar="KEY=VALUE", help="changes"
    )
    args = parser.parse_args()
    config = load_config(args.config, parse_options(args.cfg_options))
    init_default_scope("ignn_toolbox")
    network = MODELS.build(config.model).network.eval()
    image = torch.rand(1, 3, *args.size, generator=torch.manual_seed(0))
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        output = network(image)
    parameters = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "trainable": sum(p.numel() for p in network.parameters() if p.requires_grad),
    }
    multiplications = counter.get_total_flops() // 2
    for name, value in parameters.items():
        print(f"{name:<26}{value:>16,}")
    print(f"{'output':<26}{output.shape[-1]:>11}x{output.shape[-2]}")
    print(f"{'MACs':<26}{multiplications:>16,}")
    print(f"{'MACs per output pixel':<26}{multiplications / output[0, 0].numel():>16,.0f}")


if __name__ == "__main__":
    main()
