"""The option ``--device`` of the commands that compute."""

import argparse


def add_device(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Declare ``--device``."""
    parser.add_argument(
        "--device",
        help="cpu, cuda, cuda:1, xpu, mps ... (default: the accelerator that there is, or the CPU)",
    )
