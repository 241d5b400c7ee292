"""``python tools/test.py ...`` is ``ignn test ...``; torchrun and srun need a file to start."""

import sys

from ignn_toolbox.cli import main

if __name__ == "__main__":
    sys.exit(main(["test", *sys.argv[1:]]))
