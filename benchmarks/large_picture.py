"""Memory and time of `ignn upscale` on one large picture.

The peak is that of the command's anonymous resident memory (Linux' RssAnon), sampled from outside.
The model ``ignn`` is the full IGNN x2 with random weights, which change neither memory nor time.

    python benchmarks/large_picture.py --size 1020x678 --memory 4G
    python benchmarks/large_picture.py --model ignn_tiny_x2 --size 4000x3000 --memory 2G
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from frame.table import write_table

from ignn_toolbox.engine.config import load_config
from ignn_toolbox.images import read_picture, write_image
from ignn_toolbox.registry import MODELS
from ignn_toolbox.restore.memory import parse_memory
from ignn_toolbox.zoo import zoo_models

CONFIG = "ignn_x2c256b32k5d30_1xb4-800k_div2k"
INTERVAL = 0.02  # seconds between samples
MIB = 2**20


def draw_picture(path: Path, width: int, height: int) -> None:
    """A picture whose spectrum falls with frequency, as that of photographs does."""
    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = 1
    planes = []
    for _ in range(3):
        noise = np.fft.rfft2(rng.standard_normal((height, width), np.float32))
        plane = np.fft.irfft2(noise / frequency, (height, width))
        planes.append(np.clip(127.5 + 50 * plane / plane.std(), 0, 255).astype(np.uint8))
    write_image(path, np.stack(planes, 2))


def write_model(path: Path) -> None:
    """A checkpoint of the full IGNN with random weights."""
    config = load_config(CONFIG).model.to_dict()
    config["network"].pop("init_cfg", None)
    config["network"]["aggregator"]["embedder"]["weights"] = "random"
    torch.manual_seed(0)
    restorer = MODELS.build(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        restorer.network.aggregator.embedder.init_weights()
    torch.save({"meta": {"config": config}, "state_dict": restorer.state_dict()}, path)


def peak_of(command: list[str]) -> int:
    """Run a command: the most anonymous resident memory it ever had, in bytes."""
    process = subprocess.Popen(command)
    status, peak, told = Path(f"/proc/{process.pid}/status"), 0, 0
    started = time.perf_counter()
    while process.poll() is None:
        for line in status.read_text().splitlines():
            if line.startswith("RssAnon:"):
                peak = max(peak, 1024 * int(line.split()[1]))
        if peak > told + 32 * MIB:
            told = peak
            print(f"{time.perf_counter() - started:.0f} s: {peak / MIB:.0f} MiB", flush=True)
        time.sleep(INTERVAL)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return peak


def measure(model: str, width: int, height: int, memory: str, tile: int | None) -> dict[str, Any]:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        picture, result = Path(folder) / "picture.png", Path(folder) / "result.png"
        draw_picture(picture, width, height)
        source = model
        if model == "ignn":
            source = str(Path(folder) / "ignn.pth")
            write_model(Path(source))
        command = [sys.executable, "-m", "ignn_toolbox", "upscale", str(picture), "-o", str(result)]
        command += ["--model", source, "--memory", memory, "--device", "cpu"]
        command += ["--tile", str(tile)] if tile else []
        started = time.perf_counter()
        peak = peak_of(command)
        seconds = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        rows, columns, _ = read_picture(result, max_pixels=10**9).pixels.shape
    return {
        "model": model,
        "lr_size": f"{width}x{height}",
        "sr_size": f"{columns}x{rows}",
        "budget": memory,
        "tile": tile or "planned",
        "peak_rss_anon_mib": round(peak / MIB),
        "within_budget": peak <= parse_memory(memory),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ignn", choices=["ignn", *zoo_models()])
    parser.add_argument("--size", default="1020x678", metavar="WxH", help="of the input picture")
    parser.add_argument("--memory", default="4G", help="budget of the command")
    parser.add_argument("--tile", type=int, help="in place of the budget's choice")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/large_picture.csv"))
    args = parser.parse_args()
    width, height = (int(side) for side in args.size.split("x"))
    row = measure(args.model, width, height, args.memory, args.tile)
    print(row)
    write_table(args.out, [row], key=("model", "lr_size", "budget"))


if __name__ == "__main__":
    main()
