"""A config's predicted memory beside the measured one.

python benchmarks/planning.py ignn_tiny_x2 --lr-size 40x40 --batch 16 --train
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from frame.cases import Case, Variant
from frame.run import run_case

from ignn_toolbox.restore.config_plan import Job, build, plan_job

_MIB = 2**20


def measure_job(job: Job) -> int | None:
    """Peak bytes above the built model of one call, or two steps, in a process of its own."""
    repeats = 2 if job.train else 1
    case = Case("plan", "model", "", {"network": Variant(_JobCall(job))}, repeats=repeats)
    return run_case(case, torch.get_num_threads()).peak("network")


@dataclass(frozen=True)
class _JobCall:
    """Makes the call that the job plans, see `Variant.build`."""

    job: Job

    def __call__(self, tiny: bool) -> Callable[[], object]:
        job = self.job
        network, layout = build(job)
        height, width = (network.spec.min_size,) * 2 if tiny else (job.height, job.width)
        image = torch.rand(1 if tiny else job.batch, 3, max(height, 4), max(width, 4))
        image = image.contiguous(memory_format=layout)
        if not job.train:
            return torch.no_grad()(lambda: network(image))
        wanted = [p for p in network.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(wanted, lr=1e-4)

        def step() -> None:
            optimizer.zero_grad()
            sr = network(image)
            F.l1_loss(sr, torch.zeros_like(sr)).backward()
            optimizer.step()

        return step


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="config file, or name of a bundled config or zoo model")
    parser.add_argument("--lr-size", required=True, metavar="WxH", help="as in 512x340")
    parser.add_argument("--batch", type=int, default=1, help="images at a time")
    parser.add_argument("--train", action="store_true", help="a training step with Adam")
    args = parser.parse_args(words)
    width, height = (int(side) for side in args.lr_size.split("x"))
    job = Job(args.config, height, width, args.batch, args.train)
    predicted, measured = max(size for _, size in plan_job(job)), measure_job(job)
    if measured is None:
        print("not measured: peak memory needs Linux's /proc/self/clear_refs")
        return 1
    print(
        f"measured {measured / _MIB:.1f} MiB: predicted {(predicted - measured) / _MIB:+.1f} MiB, "
        f"{100 * (predicted / measured - 1):+.1f} %"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
