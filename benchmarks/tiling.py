"""Tiles beside the whole picture: equal results, their cost, and how far independent tiles are off.

python benchmarks/tiling.py equality
python benchmarks/tiling.py cost
python benchmarks/tiling.py independent --images data/bench/Urban100
python benchmarks/tiling.py attention
"""

import argparse
import itertools
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from frame.measure import measure, resident_bytes
from frame.table import write_table
from speed_cases.attention import CSNLN, CSNLN_TINY, PA_EDSR, PA_EDSR_TINY
from torch import Tensor

from ignn_toolbox.apis import init_model
from ignn_toolbox.images import SUFFIXES, read_image
from ignn_toolbox.models.program import record
from ignn_toolbox.ops import PatchGraph, imresize_uint8
from ignn_toolbox.registry import MODELS
from ignn_toolbox.restore.exact import area_ratio, restore_exactly
from ignn_toolbox.restore.independent import deviation, restore_independently
from ignn_toolbox.restore.tiles import MapStore, TileRun

CPU = torch.device("cpu")
BACKBONES: dict[str, dict[str, Any]] = {
    "EDSR": {"type": "EDSR", "num_blocks": 4},
    "EDSR compact": {"type": "EDSR", "num_blocks": 4, "compact": True},
    "RCAN": {"type": "RCAN", "num_groups": 2, "num_blocks": 2, "reduction": 4},
}
VGG = {"type": "VGGEmbedder", "weights": "random"}
CNN = {"type": "CNNEmbedder"}
AGGREGATORS: dict[str, dict[str, Any] | None] = {
    "none": None,
    "GraphAgg": {"type": "GraphAgg", "embedder": VGG},
    "GraphAgg, whole image": {"type": "GraphAgg", "embedder": CNN, "window": None},
    "SameScaleKNN": {"type": "SameScaleKNN", "embedder": CNN},
    "NonLocal": {"type": "NonLocal"},
}
SCALES = (2, 3, 4)
SIZES = ((48, 64), (97, 71), (150, 131))  # height, width
CHANNELS, TILE = 16, 40
COST_SIZE, COST_TILE = (512, 768), 192
# LR width and height, tile, MiB that the tiled run may take above the process before it.
ATTENTIONS: dict[str, tuple[dict[str, Any], tuple[int, int], int, int]] = {
    "csnln_tiny_x2": ({**CSNLN_TINY, "scale": 2}, (512, 340), 128, 600),
    "pa_edsr_tiny_x2": ({**PA_EDSR_TINY, "scale": 2}, (512, 340), 128, 600),
    "csnln_x2": ({**CSNLN, "scale": 2}, (160, 120), 64, 1024),
    "pa_edsr_x2": ({**PA_EDSR, "scale": 2}, (160, 120), 64, 1024),
    "csnln_x4": ({**CSNLN, "scale": 4}, (160, 120), 64, 1024),
}


def equality() -> Iterator[dict[str, Any]]:
    """Tiled and whole results of every backbone with every aggregator."""
    for backbone, aggregator, (height, width) in itertools.product(BACKBONES, AGGREGATORS, SIZES):
        row: dict[str, Any] = {
            "backbone": backbone,
            "aggregator": aggregator,
            "lr_size": f"{width}x{height}",
            "tile": TILE,
        }
        same: list[bool] = []
        for scale in SCALES:
            network, graphs = _network(backbone, aggregator, scale)
            torch.manual_seed(1)
            lq = _smooth(height, width)
            tiled = restore_exactly(network, lq, TileRun(TILE, print), MapStore(0, CPU))
            row[f"largest_difference_x{scale}"] = f"{(tiled - network(lq)).abs().max().item():.1e}"
            same += [torch.equal(graphs[0].index, other.index) for other in graphs[1:]]
        yield row | {"same_neighbours": all(same) if same else "no graph"}


def cost(repeats: int) -> Iterator[dict[str, Any]]:
    """Processor time of exact tiles over that of the whole picture, measured in turns."""
    height, width = COST_SIZE
    network: Any = init_model("ignn_tiny_x2").network.to(memory_format=torch.channels_last)
    lq = _smooth(height, width).contiguous(memory_format=torch.channels_last)
    ways: dict[str, Callable[[], Tensor]] = {
        "whole": lambda: network(lq),
        "maps in memory": lambda: _tiled(network, lq, COST_TILE, 2**40),
        "maps in files": lambda: _tiled(network, lq, COST_TILE, 0),
    }
    for way in ways.values():
        way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            started = time.process_time()
            way()
            seconds[name].append(time.process_time() - started)
    ratio = area_ratio(record(network), height, width, COST_TILE)
    for name, taken in seconds.items():
        relative = statistics.median(a / b for a, b in zip(taken, seconds["whole"], strict=True))
        yield {
            "model": "ignn_tiny_x2",
            "lr_size": f"{width}x{height}",
            "tile": "" if name == "whole" else COST_TILE,
            "way": name,
            "cpu_seconds": round(statistics.median(taken), 2),
            "by_whole": round(relative, 3),
            "area_ratio": 1 if name == "whole" else round(ratio, 3),
            "by_whole_by_area_ratio": "" if name == "whole" else round(relative / ratio, 3),
            "must_reach": "" if name == "whole" else 1.1,
            "repeats": len(taken),
        }


def independent(folder: Path, count: int) -> Iterator[dict[str, Any]]:
    """How far independent tiles are from the whole picture; bicubic x1/2 of the folder's first."""
    network: Any = init_model("ignn_tiny_x2").network.to(memory_format=torch.channels_last)
    totals: dict[int, list[tuple[float, float]]] = {64: [], 128: [], 256: []}
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[:count]
    if not paths:
        raise SystemExit(f"{folder} holds no pictures")
    for path in paths:
        pixels = torch.from_numpy(read_image(path)).permute(2, 0, 1)
        pixels = pixels[:, : pixels.shape[1] // 2 * 2, : pixels.shape[2] // 2 * 2]
        lq = imresize_uint8(pixels, 0.5)[None].float().div(255)
        lq = lq.contiguous(memory_format=torch.channels_last)
        whole = network(lq)
        for tile, found in totals.items():
            run, store = TileRun(tile, print), MapStore(2**40, CPU)
            off = deviation(restore_independently(network, lq, 2, run, store), whole)
            found.append((off.largest, off.mean))
            yield _deviation_row(path.stem, lq, tile, off.largest, off.mean)
    for tile, found in totals.items():
        largest, mean = max(off for off, _ in found), statistics.mean(off for _, off in found)
        yield _deviation_row(f"all {len(paths)}", None, tile, largest, mean)


def attention(names: list[str]) -> Iterator[dict[str, Any]]:
    """Networks whose attention goes over the whole picture: tiled beside whole."""
    for name in names:
        config, (width, height), tile, allowed = ATTENTIONS[name]
        torch.manual_seed(0)
        network = MODELS.build(config).eval()
        lq, base = _smooth(height, width), resident_bytes()
        tiled: list[Tensor] = []
        measured = {
            "whole": measure(lambda: tiled.append(network(lq)), base),  # noqa: B023
            "tiled": measure(lambda: tiled.append(_tiled(network, lq, tile, 2**40)), base),  # noqa: B023
        }
        yield {
            "model": name,
            "lr_size": f"{width}x{height}",
            "tile": tile,
            "largest_difference_of_255": f"{(tiled[0] - tiled[1]).abs().max().item() * 255:.1e}",
            "largest_of_255": f"{tiled[0].abs().max().item() * 255:.0f}",
            **{f"{way}_peak_mib": round((it.peak or 0) / 2**20) for way, it in measured.items()},
            "may_peak_mib": allowed,
            **{f"{way}_seconds": round(it.wall, 1) for way, it in measured.items()},
        }


def _deviation_row(
    name: str, lq: Tensor | None, tile: int, largest: float, mean: float
) -> dict[str, Any]:
    return {
        "model": "ignn_tiny_x2",
        "image": name,
        "lr_size": "" if lq is None else f"{lq.shape[3]}x{lq.shape[2]}",
        "tile": tile,
        "largest_of_255": f"{largest:.2f}",
        "mean_of_255": f"{mean:.4f}",
    }


def _network(backbone: str, aggregator: str, scale: int) -> tuple[Any, list[PatchGraph]]:
    """A network with random weights, none zero, and a list that gets every graph it makes."""
    config = {**BACKBONES[backbone], "channels": CHANNELS, "scale": scale}
    own = AGGREGATORS[aggregator]
    if own is not None:
        config["aggregator"] = {**own, "channels": CHANNELS}
        if own["type"] == "GraphAgg":
            config["aggregator"]["scale"] = 3 if scale == 3 else 2
    torch.manual_seed(0)
    network = MODELS.build(config).eval()
    for parameter in network.parameters():
        if parameter.requires_grad and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    graphs: list[PatchGraph] = []
    if own is not None and "embedder" in own:
        if own["embedder"] is VGG:
            network.aggregator.embedder.init_weights()
        find = network.aggregator._find_neighbors

        def find_and_keep(*features: Tensor) -> PatchGraph:
            graphs.append(find(*features))
            return graphs[-1]

        network.aggregator._find_neighbors = find_and_keep
    return network, graphs


def _smooth(height: int, width: int) -> Tensor:
    """A random picture ``(1, 3, H, W)`` in [0, 1] without much detail."""
    coarse = torch.rand(1, 3, -(-height // 4), -(-width // 4))
    return F.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)


def _tiled(network: Any, lq: Tensor, tile: int, limit: int) -> Tensor:
    return restore_exactly(network, lq, TileRun(tile, print), MapStore(limit, CPU))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("equality", "cost", "independent", "attention"))
    parser.add_argument("--images", type=Path, default=Path("data/bench/Urban100"))
    parser.add_argument("--count", type=int, default=5, help="images of the folder (default: 5)")
    parser.add_argument("--repeats", type=int, default=5, help="of the cost (default: 5)")
    parser.add_argument("--models", nargs="+", default=list(ATTENTIONS), choices=ATTENTIONS)
    parser.add_argument("--out", type=Path, help="CSV file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    ways: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
        "equality": equality,
        "cost": lambda: cost(args.repeats),
        "independent": lambda: independent(args.images, args.count),
        "attention": lambda: attention(args.models),
    }
    rows = []
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in ways[args.what]():
            rows.append(row)
            print(*row.values())
    key = ("model",) if args.what == "attention" else ()
    write_table(args.out or Path(f"benchmarks/results/tiling_{args.what}.csv"), rows, key=key)


if __name__ == "__main__":
    main()
