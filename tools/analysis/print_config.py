"""Prints a config as the runner sees it: bases joined, options applied, shared values filled in.

Example: python tools/analysis/print_config.py edsr_tiny_x2 --cfg-options batch_size=4
"""

import argparse

from ignn_toolbox.engine.config import load_config, parse_options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", metavar="CONFIG", help="config file, bundled config or zoo name")
    parser.add_argument("--data-root", metavar="DIR", help="folder that holds the data sets")
    parser.add_argument(
        "--cfg-options", action="extend", nargs="+", metavar="KEY=VALUE", help="changes"
    )
    args = parser.parse_args()
    options = parse_options(args.cfg_options)
    print(load_config(args.config, options, data_root=args.data_root).pretty_text, end="")


if __name__ == "__main__":
    main()
