"""``python tools/train.py ...`` is ``ignn train ...``; torchrun and srun need a file to start."""

import sys

from ignn_toolbox.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
