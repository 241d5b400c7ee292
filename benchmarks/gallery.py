"""What every registered network costs on a 96x96 picture, and the quality that is told of it.

Parameters, multiply-adds of convolutions and matrix products (those of searches, which compare
without products, are not counted), time on one thread and peak memory above the weights', with
random weights. Networks that compare all pairs of places are measured at 48x48, as their row says.
Each network's row is written as soon as it is measured; `--draw` draws the file.

    python benchmarks/gallery.py
    python benchmarks/gallery.py --only IGNN RCAN
    python benchmarks/gallery.py --draw
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from frame.measure import can_measure_peak, measure, resident_bytes
from frame.table import RESULTS, write_table
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ignn_toolbox.engine.config import load_config
from ignn_toolbox.evaluation.paper import SOURCE, paper_table
from ignn_toolbox.models.steps import Network
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo import bundled_configs, described_models

OUT = RESULTS / "gallery.csv"
SET = "Set5"  # whose PSNR at x2 is drawn
_ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


@dataclass(frozen=True)
class Case:
    """A network to measure.

    Attributes:
        name: As the paper's table calls it, where it does.
        config: A bundled config.
        side: Of the picture.
        changes: To the network's arguments in the config.
    """

    name: str
    config: str
    side: int = 96
    changes: tuple[tuple[str, Any], ...] = ()


CASES = (
    Case("Bicubic", "bicubic_x2"),
    Case("SMFANet", "smfanet_x2_1xb64-1000k_div2k"),
    Case("HalfEDSR", "half-edsr-tiny_n5to55c48b6_1xb8-4k_bsds-t91-wall2k"),
    Case("edsr_tiny_x2", "edsr-tiny_x2c32b8_1xb16-7k_bsds-t91"),
    Case("ignn_tiny_x2", "ignn-tiny_x2c32b8k5d30_1xb16-2k_bsds-t91"),
    Case("GraphAgg*", "graph-agg-star-rgb_x2k5d30"),
    Case("DnCNN", "dncnn_n25_1xb128-50k_bsd400"),
    Case("N3Net", "n3net_n25_1xb32-51k_bsd400"),
    Case("LapSRN", "lapsrn_x2_1xb64-100k_bsds-t91"),
    Case("VDSR", "vdsr_x2_1xb128-50k_bsds-t91"),
    Case("SRFBN", "srfbn_x2_1xb16-1000k_div2k"),
    Case("RNAN", "rnan_x2_1xb16-1000k_div2k"),
    Case("MemNet", "memnet_x2_1xb64-100k_bsds-t91"),
    Case("RCAN", "rcan_x2c64g10b20_1xb16-1000k_div2k"),
    Case("SAN", "san_x2_1xb16-1000k_div2k"),
    Case("DBPN", "dbpn_x2_1xb16-1000k_div2k"),
    Case("RDN", "rdn_x2_1xb16-1000k_div2k"),
    Case("EDSR", "edsr_x2c256b32_1xb16-300k_div2k"),
    Case("OISR-RK3", "oisr_x2_1xb16-1000k_div2k"),
    Case("PANet", "panet_n50c64b80_1xb16-1000k_div2k"),
    Case("PA-EDSR", "pa-edsr_x2c256b32_1xb16-1000k_div2k"),
    Case("IGNN", "ignn_x2c256b32k5d30_1xb4-800k_div2k"),
    Case("NLRN", "nlrn_n25_1xb16-500k_bsd400", 48, (("scale", 2), ("colour", "luma"))),
    Case("GCDN", "gcdn_n25_1xb12-400k_bsd400", 48),
    Case("CSNLN", "csnln_x2c128d12_1xb16-1000k_div2k", 48),
)


class Products(TorchDispatchMode):
    """Counts multiply-adds, those inside the toolbox's operators too.

    Attributes:
        total: So far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.namespace == "ignn_toolbox":
            with self:  # what its kernel is made of
                return func.redispatch(_KERNELS, *args, **kwargs)
        packet = func._overloadpacket
        if packet not in flop_registry:
            with self:  # below autograd operators come whole that are made of others
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        out = func(*args, **kwargs)
        if packet == _ATTENTION:
            query, key, value = (x.shape for x in args[:3])
            pairs = math.prod(query[:-1]) * key[-2]
            self.total += pairs * (query[-1] + value[-1])
        elif packet in flop_registry:
            self.total += flop_registry[packet](*args, **kwargs, out_val=out) // 2
        return out


_KERNELS = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)


def build(case: Case) -> Network:
    """The case's network with random weights, in evaluation."""
    config = load_config(bundled_configs()[case.config]).model.network.to_dict()
    config.pop("init_cfg", None)
    config |= dict(case.changes)
    embedder = (config.get("aggregator") or config).get("embedder", {})
    if embedder.get("type") == "VGGEmbedder":
        embedder["weights"] = "random"
    torch.manual_seed(0)
    return MODELS.build(config).eval()


def row_of(case: Case, repeats: int) -> dict[str, Any]:
    """Measure a network."""
    network = build(case)
    lq = torch.rand(1, network.spec.channels[0], case.side, case.side)
    products = Products()
    with torch.no_grad(), products:
        network(lq)
    with torch.inference_mode():
        base = resident_bytes() if can_measure_peak() else None
        taken = [measure(lambda: network(lq), base) for _ in range(repeats)]
    best = min(taken, key=lambda one: one.cpu)
    peaks = [one.peak for one in taken if one.peak is not None]
    return {
        "network": case.name,
        "type": type(network).__name__,
        "config": case.config,
        "scale": network.spec.scale,
        "side": case.side,
        "parameters": sum(p.numel() for p in network.parameters()),
        "multiply_adds_g": f"{products.total / 1e9:.3f}",
        "seconds": f"{best.wall:.3f}",
        "cpu_seconds": f"{best.cpu:.3f}",
        "peak_mib": f"{max(peaks) / 2**20:.0f}" if peaks else "",
        "repeats": repeats,
    }


def quoted_psnr() -> dict[str, float]:
    """PSNR of x2 on `SET` as papers print it, by method."""
    table = paper_table(1, [2])
    place = table.sets.index(SET)
    values = {row.method: row.values[place] for row in table.rows}
    return {name: value[0] for name, value in values.items() if value is not None}


def measured_psnr() -> dict[str, float]:
    """PSNR of x2 on `SET` of models that ship or were imported here, by their alias."""
    return {
        name: row["PSNR"]
        for name, model in described_models().items()
        for row in model.results
        if (row["Dataset"], row["Protocol"]) == (SET, "y-float") and model.scale == 2
    }


def draw(file: Path) -> Path:
    """Draw PSNR over multiply-adds and over time; quoted figures hollow, measured ones filled."""
    import csv

    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    quoted, measured = quoted_psnr(), measured_psnr()
    ours = {"Bicubic": "bicubic_x2", "SMFANet": "smfanet_x2"}
    figure, axes = pyplot.subplots(1, 2, figsize=(12, 5), sharey=True, layout="constrained")
    for row in rows:
        name = row["network"]
        own = measured.get(ours.get(name, name))
        psnr = quoted.get(name) if own is None else own
        if psnr is None or row["scale"] != "2" or row["side"] != "96":
            continue
        face = "tab:blue" if own is not None else "none"
        for axis, key in zip(axes, ("multiply_adds_g", "cpu_seconds"), strict=True):
            cost = max(float(row[key]), 1e-3)
            axis.plot(cost, psnr, "o", color="tab:blue", markerfacecolor=face)
            axis.annotate(name, (cost, psnr), (4, 3), textcoords="offset points", fontsize=7)
    for axis, label in zip(axes, ("multiply-adds, 10^9", "processor seconds"), strict=True):
        axis.set_xscale("log")
        axis.set_xlabel(f"{label}, of a 96x96 picture to x2")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel(f"PSNR on {SET} x2, dB (y-float)")
    figure.suptitle(
        f"Hollow: quoted ({SOURCE}, and Mei et al. for what it leaves out). Filled: measured here."
    )
    path = file.with_suffix(".png")
    figure.savefig(path, dpi=120)
    return path


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these networks")
    parser.add_argument("--repeats", type=int, default=2, help="the fastest one counts")
    parser.add_argument("--out", type=Path, default=OUT, help="CSV file; other rows in it stay")
    parser.add_argument("--draw", action="store_true", help="draw the file, measure nothing")
    args = parser.parse_args(words)
    if args.draw:
        print(draw(args.out))
        return
    names = [case.name for case in CASES]
    unknown = sorted(set(args.only or ()) - set(names))
    if unknown:
        parser.error(f"no network {unknown[0]!r}; choose from {', '.join(names)}")
    MODELS.import_from_location()
    torch.set_num_threads(1)
    for case in CASES:
        if args.only is None or case.name in args.only:
            row = row_of(case, args.repeats)
            write_table(args.out, [row], key=["network"])
            print(row, flush=True)


if __name__ == "__main__":
    main()
