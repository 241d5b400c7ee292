"""What `ignn upscale` costs beside its network, on many small pictures.

Runs the command on a folder of drawn pictures. First it is watched from outside until the first
output is there. Then it tells, with one thread, the time from its first picture to the end and the
time inside the network meanwhile; by the clock, and by processor time, in which nothing that
overlaps is hidden. Must reach: first output within 4 s, overhead (all but the network) below 15 %
after it.

    python benchmarks/small_pictures.py --out benchmarks/results/small_pictures.csv
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from frame.table import write_table

from ignn_toolbox.images import write_image

# Runs in a process of its own.
CHILD = """
import json, sys, time
from ignn_toolbox.cli import main
from ignn_toolbox.restore import runner

starts, ends, processor = [], [], []
restore = runner.TiledRestorer._in_one_piece

def timed(self, lq):
    starts.append((time.thread_time(), time.perf_counter()))
    restored = restore(self, lq)
    ends.append((time.thread_time(), time.perf_counter()))
    processor.append(time.process_time())
    return restored

runner.TiledRestorer._in_one_piece = timed
status = main(sys.argv[2:])
total = time.process_time() - processor[0], time.perf_counter() - ends[0][1]
print(json.dumps([status, starts, ends, total]), file=open(sys.argv[1], "w"))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ignn_tiny_x2")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--size", default="160x120", metavar="WxH")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/small_pictures.csv"))
    args = parser.parse_args()
    width, height = (int(side) for side in args.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder, "in"), args.pictures, width, height)
        turns = range(args.repeats)
        first = [first_output(Path(folder), turn, args.model) for turn in turns]
        runs = [run(Path(folder), turn, args.model) for turn in turns]
    row: dict[str, Any] = {"model": args.model, "pictures": args.pictures, "lr_size": args.size}
    row["first_output_seconds"] = round(statistics.median(first), 2)
    row |= {name: round(statistics.median(one[name] for one in runs), 3) for name in runs[0]}
    row |= {"repeats": args.repeats, "load": f"{os.getloadavg()[0]:.1f}"}
    print(row)
    write_table(args.out, [row])


def draw(folder: Path, count: int, width: int, height: int) -> None:
    """Random pictures with little detail."""
    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
        write_image(folder / f"{number:03d}.png", coarse.repeat(8, 0).repeat(8, 1))


def first_output(folder: Path, turn: int, model: str) -> float:
    """Seconds from the start of the command to its first output."""
    out = folder / f"first{turn}"
    command = [sys.executable, "-m", "ignn_toolbox", "upscale", str(folder / "in")]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*command, "-o", str(out), "--model", model], stderr=subprocess.DEVNULL
    )
    while not any(out.glob("*.png")):
        if process.poll() is not None:
            raise SystemExit(f"the command ended with status {process.returncode}")
        time.sleep(0.01)
    seconds = time.perf_counter() - begun
    process.terminate()
    process.wait()
    return seconds


def run(folder: Path, turn: int, model: str) -> dict[str, float]:
    """One run of the command."""
    notes = folder / f"notes{turn}.json"
    words = ["upscale", str(folder / "in"), "-o", str(folder / f"out{turn}"), "--model", model]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # the network's time is one thread's
    subprocess.run([sys.executable, "-c", CHILD, str(notes), *words], check=True, env=environment)
    _, starts, ends, total = json.loads(notes.read_text())
    calls = list(zip(starts[1:], ends[1:], strict=True))
    network = [sum(end[clock] - start[clock] for start, end in calls) for clock in (0, 1)]
    return {
        "seconds_after": total[1],
        "cpu_seconds_after": total[0],
        "overhead_percent": 100 * (total[1] - network[1]) / total[1],
        "overhead_percent_by_cpu": 100 * (total[0] - network[0]) / total[0],
    }


if __name__ == "__main__":
    main()
