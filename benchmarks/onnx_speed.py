"""A model exported to ONNX in onnxruntime beside the model in torch.

Both restore the same photograph in turns, on the same number of threads; written are the medians,
how many times faster onnxruntime is, the largest difference, and which operators take its time.

    python benchmarks/onnx_speed.py --threads 1 --out benchmarks/results
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from frame.table import write_table
from torch import Tensor

from ignn_toolbox.apis import init_model
from ignn_toolbox.export import export_onnx
from ignn_toolbox.visualization.demo import pictures

LISTED = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="ignn_tiny_x2")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    network = init_model(args.model).network
    (_, photograph), _ = pictures([])
    crop = photograph[100 : 100 + args.size, 120 : 120 + args.size]
    lq = torch.from_numpy(crop.copy()).permute(2, 0, 1)[None] / 255
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_onnx(network, path, {})
        session = open_session(path, args.threads)

        def run_torch() -> np.ndarray:
            with torch.inference_mode():
                return network(lq).numpy()

        def run_onnx() -> np.ndarray:
            return session.run(["sr"], {"lq": lq.numpy()})[0]

        difference = float(np.abs(run_torch() - run_onnx()).max())
        rows = in_turns({"torch": run_torch, "onnxruntime": run_onnx}, args.repeats)
        shares = operator_shares(path, lq, args.threads, args.repeats)
    case = {"model": args.model, "picture": f"{args.size}x{args.size}"}
    first, second = rows
    second["speed over torch"] = round(first["CPU seconds"] / second["CPU seconds"], 2)
    second["largest difference"] = f"{difference:.1e}"
    write_table(args.out / "onnx_speed.csv", [case | row for row in rows])
    write_table(args.out / "onnx_operators.csv", [case | row for row in shares])
    for row in (*rows, *shares):
        print(row)


def in_turns(runs: dict[str, Callable[[], np.ndarray]], repeats: int) -> list[dict]:
    """Medians over calls that alternate, so that a load of the machine meets both."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    rows = []
    for name, pairs in taken.items():
        wall, cpu = (round(statistics.median(values), 3) for values in zip(*pairs, strict=True))
        row = {"runtime": name, "seconds": wall, "CPU seconds": cpu, "repeats": repeats}
        rows.append(row | {"speed over torch": 1.0, "largest difference": ""})
    return rows


def operator_shares(path: Path, lq: Tensor, threads: int, repeats: int) -> list[dict]:
    """Percent of onnxruntime's time by kind of operator."""
    session = open_session(path, threads, str(path.with_suffix("")))
    for _ in range(repeats):
        session.run(["sr"], {"lq": lq.numpy()})
    spent: Counter[str] = Counter()
    for event in json.loads(Path(session.end_profiling()).read_text()):
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"]] += event["dur"]
    total = sum(spent.values())
    shown = spent.most_common(LISTED)
    shown.append(("others", total - sum(time for _, time in shown)))
    return [{"operator": name, "percent": round(100 * time / total, 1)} for name, time in shown]


def open_session(
    path: Path, threads: int, profile: str | None = None
) -> onnxruntime.InferenceSession:
    """A session on the CPU that may write a profile."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = profile
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main()
