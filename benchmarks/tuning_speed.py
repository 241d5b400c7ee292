"""Speed of tuning beside that of bare training steps on batches of the same size, in one run.

python benchmarks/tuning_speed.py edsr_tiny_x2

A bare step is what no training loop can do without: forward, loss, backward, Adam, on a batch that
is there. Rounds of both alternate, so that what else the machine does meets both; processor time
counts. ``relative`` is tuning's speed over that of bare steps, 0.8 is asked.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from frame.table import RESULTS, write_table

from ignn_toolbox.apis import init_model
from ignn_toolbox.models.restorers.internal_learning import InternalLearning
from ignn_toolbox.models.steps import Network


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="zoo name, config or checkpoint")
    parser.add_argument("--steps", type=int, default=4, help="of a round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--out", type=Path, default=RESULTS / "internal_speed.csv")
    args = parser.parse_args(words)
    network = init_model(args.model).network
    network.to(memory_format=torch.channels_last)
    spec = network.spec
    learning = InternalLearning(args.steps)
    picture = torch.rand(1, spec.channels[0], 240, 320)
    number = learning.batch + learning.rehearsal
    rows = []
    for _ in range(1 + args.rounds):
        tuning = _seconds(lambda: learning.tune(network, picture))
        bare = _seconds(lambda: _bare(network, number, learning.crop, args.steps))
        rows.append((tuning / args.steps, bare / args.steps))
    tuning, bare = np.median(np.array(rows[1:]), 0)  # the first round warms up
    row = {
        "model": args.model,
        "crops": number,
        "seconds_a_step": f"{tuning:.3f}",
        "bare_seconds_a_step": f"{bare:.3f}",
        "relative": f"{bare / tuning:.2f}",
    }
    write_table(args.out, [row], key=["model", "crops"])
    print(" ".join(str(value) for value in row.values()))
    return 0


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _bare(network: Network, number: int, side: int, steps: int) -> None:
    spec = network.spec
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=0.0)
    lq = torch.rand(number, spec.channels[0], side, side)
    gt = torch.rand(number, spec.channels[1], spec.scale * side, spec.scale * side)
    for _ in range(steps):
        optimizer.zero_grad()
        F.l1_loss(network(lq), gt).backward()
        optimizer.step()


if __name__ == "__main__":
    sys.exit(main())
