"""torchrun for ``ignn``'s commands: ``python -m ignn_toolbox.torchrun OPTIONS COMMAND ...``.

It takes torchrun's own options. When the processes end with an error they have said why, and
nothing more is said: torchrun itself would add a trace and a table, in which our words are lost.
"""

import logging
import sys
from collections.abc import Sequence

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Start the processes of one node, and wait for them.

    Args:
        argv: torchrun's options, and then a command with its own; those of the process by default.

    Returns:
        The exit status of the process that failed first, or 0; as a shell has it where a signal
        ended it.
    """
    # It tells of every process that fails or is restarted, in several lines of its own.
    for name in ("torch.distributed.elastic", "torch.distributed.run"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    args = run.parse_args(argv)
    args.training_script_args = [args.training_script, *args.training_script_args]
    args.module, args.training_script = True, __package__
    try:
        run.run(args)
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        return failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode
    except (KeyboardInterrupt, SignalException):
        return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
