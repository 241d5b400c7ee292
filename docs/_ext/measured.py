"""Pages made of data files of the repository: model zoo, benchmarks, the paper's tables."""

import csv
import os
import re
from pathlib import Path

from ignn_toolbox.commands.models import markdown_table
from ignn_toolbox.engine.config import load_config
from ignn_toolbox.evaluation.paper import TITLES, paper_table
from ignn_toolbox.evaluation.table_format import markdown
from ignn_toolbox.zoo import described_models, zoo_models
from ignn_toolbox.zoo.card import model_card
from ignn_toolbox.zoo.index import bundled_configs
from ignn_toolbox.zoo.paths import configs_dir

_GPU = re.compile(r"nvidia|geforce|tesla|quadro|radeon|instinct|\b[ahlv]\d{2,3}\b", re.IGNORECASE)
_EXPLAINED = {
    "kill_matrix": (
        "A training is sent a signal at a moment of its second half and resumed; `equal` says "
        "whether its last checkpoint equals the undisturbed run's bit for bit. Command: "
        "`python benchmarks/kill_matrix.py --out benchmarks/results/kill_matrix.csv`."
    ),
    "ops": "Single operators. Command: `python benchmarks/speed.py ops`.",
    "gallery": (
        "Every network with random weights, one thread; `side` is the picture's. Multiply-adds are "
        "those of convolutions and matrix products, the peak is that above the weights. The "
        "machine did much else meanwhile: `cpu_seconds` is the time to compare. In the plot hollow "
        "marks are figures that papers print, filled ones were measured here. Command: `python "
        "benchmarks/gallery.py`, then `... --draw`."
    ),
    "large_picture": (
        "`ignn upscale` on one large picture; the peak is that of the process's anonymous resident "
        "memory, sampled every 20 ms from outside. `ignn` is the full IGNN x2 with random weights. "
        "Commands: `python benchmarks/large_picture.py --size 2040x1356 --memory 4G`, `... "
        "--model ignn_tiny_x2 --size 4000x3000 --memory 2G`."
    ),
    "model": (
        "Inference of GraphAgg and of whole networks. Command: `python benchmarks/speed.py model`."
    ),
    "attention": (
        "CSNLN and PA-EDSR; the floor: a network's convolutions and its attention's products. "
        "Command: `python benchmarks/speed.py attention`."
    ),
    "train": "Backward passes and training steps. Command: `python benchmarks/speed.py train`.",
    "train_speed": (
        "`ignn train` beside a bare loop with the same network on random tensors. Command: "
        "`python benchmarks/train_speed.py --out benchmarks/results/train_speed.csv`."
    ),
    "train_steps": (
        "Time and peak memory of a training step. Command: "
        "`python benchmarks/gpu.py --out benchmarks/results/train_steps.csv`."
    ),
    "onnx_operators": (
        "Where onnxruntime spends its time on an exported network. Command: "
        "`python benchmarks/onnx_speed.py --out benchmarks/results`."
    ),
    "onnx_parity": (
        "Largest absolute difference between an exported network in onnxruntime and the network in "
        "torch, in units of the range [0, 1]. Command: "
        "`python benchmarks/onnx_parity.py --out benchmarks/results/onnx_parity.csv`."
    ),
    "onnx_speed": (
        "An exported network in onnxruntime beside torch, in turns. Command: "
        "`python benchmarks/onnx_speed.py --out benchmarks/results`."
    ),
    "bulk": (
        "Pictures a second of `ignn upscale` in one process and in several, a thread each. "
        "Command: `python benchmarks/bulk.py --out benchmarks/results/bulk.csv`."
    ),
    "small_pictures": (
        "`ignn upscale` on many small pictures: time from the command to the first output, and the "
        "share of the time after it that is not the network's, by the clock and by processor time. "
        "Command: `python benchmarks/small_pictures.py`."
    ),
    "ablation_tiny/table2": (
        "Command: `ignn grid ablation_tiny/table2.yml --data-root /data/sr --out runs/ladder`."
    ),
    "ablation_tiny/controls": (
        "Command: `ignn grid ablation_tiny/controls.yml --data-root /data/sr --out runs/ladder`, "
        "which takes the runs of table 2 from the same folder."
    ),
    "ablation_tiny/longer": (
        "Command: `ignn grid ablation_tiny/longer.yml --data-root /data/sr --out runs/ladder`."
    ),
    "ablation_tiny/table6": (
        "Command: `ignn grid ablation_tiny/table6.yml --data-root /data/sr --out runs/ladder`, "
        "after table 2 in the same folder, whose IGNN it shares."
    ),
    "ladder_recipes": (
        "PSNR on the held-out images after 1,000 iterations, and what the run changed: `ignn train "
        "CONFIG --seed 0 --cfg-options CHANGES`."
    ),
    "recipes": (
        "PSNR on held-out images, seed 0: `ignn train CONFIG --seed 0 --cfg-options CHANGES`, then "
        "`ignn test recipe_x2c32b8_1xb8-1k_bsds-t91-wall2k CHECKPOINT`, whose sets are the two "
        "lists. An iteration of 8 crops of 64 in bfloat16 takes as long as one of 16 crops of 40."
    ),
    "neighbor_gain": (
        "What the k neighbours' patches explain of a network's error, in dB: with one set of "
        "coefficients for all images, with one for each image, and the most of any image. Command: "
        "`python benchmarks/neighbor_gain.py --images data/train/BSDS399 --list "
        "data/train/bsds399_val20.txt --name bsds399_val20`, `... --images data/bench/Urban100 "
        '--every 5 --name "Urban100, every 5th"`; `--vgg FILE` adds the row of VGG19\'s features.'
    ),
    "tiling_cost": (
        "Exact tiles and the picture in one piece in turns in one process; the area ratio is the "
        "planner's. Command: `python benchmarks/tiling.py cost`."
    ),
    "tiling_equality": (
        "Largest difference between the picture in exact tiles and in one piece, for values in "
        "[0, 1] and random weights, and whether all neighbours are the same. Command: `python "
        "benchmarks/tiling.py equality`."
    ),
    "tiling_independent": (
        "How far independent tiles are from the picture in one piece. Command: `python "
        "benchmarks/tiling.py independent --images data/bench/Urban100`."
    ),
    "soak": (
        "Memory and speed of a long training with validations. Command: "
        "`python benchmarks/soak.py --out benchmarks/results/soak.csv --plot "
        "docs/images/soak.png`."
    ),
    "data": (
        "Augmented LR/HR pairs a second from image files and from caches; by processor time, what "
        "one core delivers. Command: `python benchmarks/data_speed.py`."
    ),
    "start_time": (
        "Seconds from the command to its first iteration. Command: "
        "`python benchmarks/start_time.py --out benchmarks/results/start_time.csv`."
    ),
    "processes": (
        "One process of batch 4 beside two of batch 2: largest difference, and its ratio to the "
        "largest value. Command: "
        "`python benchmarks/processes.py --out benchmarks/results/processes.csv`."
    ),
    "fuzz_pictures": (
        "Sound files of all kinds, damaged by a seeded rule, then decoded and given to "
        "`ignn upscale` in one folder. Refused: in one line that names the file. Changed: bits "
        "of bare pixels that nothing guards were hit. Wrong: an exception of another kind, a line "
        "of a decoder's, a file cut short that was read without a word, much time or memory. "
        "Command: `python benchmarks/fuzz_pictures.py --out benchmarks/results/fuzz_pictures.csv`."
    ),
    "fuzz_configs": (
        "A sound config of a small training is damaged in its text, its values or the options "
        "given with it, and trained or tested with. It must end well or be refused in one line; "
        "`stumbled` says of how many lines name a place in the code rather than in the config. "
        "Command: `python benchmarks/fuzz_configs.py --out benchmarks/results/fuzz_configs.csv`."
    ),
    "fuzz_journal": (
        "Journals of bulk runs, damaged by seeded rules; then the same command again. `went on`: "
        "all outputs right, none written anew; `refused`: it says that `run.json` is damaged or of "
        "another run; `left failed`: `--retry-failed` brought them back; `wrong`: anything else. "
        "Command: `python benchmarks/fuzz_journal.py --out benchmarks/results/fuzz_journal.csv`."
    ),
    "kernel_counts": (
        "Launches of a step on a GPU, forward and backward, or of a picture, and copies between "
        "host and device from the second call on; counted on a pretend device, no GPU was used. "
        "Command: `python benchmarks/kernel_counts.py --out benchmarks/results/kernel_counts.csv`."
    ),
    "fuzz_checkpoints": (
        "Checkpoints of every hostile and senseless kind, taken through every command and function "
        "that reads one, under an audit hook. `opened`: the door looks at a part that is sound, "
        "and the result is the good file's; `wrong`: something ran, was imported or touched, an "
        "error that nobody foresaw, or a wrong result. Command: `python "
        "benchmarks/fuzz_checkpoints.py --out benchmarks/results/fuzz_checkpoints.csv`."
    ),
    "fuzz_results": (
        "Results files, damaged by seeded rules and taken to `compare`, `table`, `report` and "
        "`publish`; `went on`: the damage changes no figure; `wrong`: a figure that is not its "
        "records', a file outside of the folder named, an error that nobody foresaw. Command: "
        "`python benchmarks/fuzz_results.py --out benchmarks/results/fuzz_results.csv`."
    ),
    "internal_learning": (
        "Predicted and true gain in dB (y-float) of tuning a network on each picture. Command: "
        "`python benchmarks/internal_learning.py edsr_tiny_x2 FOLDER --list NAMES`."
    ),
    "internal_urban100": (
        "Predicted and true gain in dB (y-float) of tuning a network on each picture. Command: "
        "`python benchmarks/internal_learning.py edsr_tiny_x2 Urban100 --every 5`, its first "
        "pictures."
    ),
    "internal_speed": (
        "A step of tuning beside a bare training step on a batch of that size, in turns, by "
        "processor time. Command: `python benchmarks/tuning_speed.py edsr_tiny_x2`."
    ),
    "hostile_files": (
        "Checkpoints that want to run code: files of each kind, how many were refused, and in how "
        "many anything ran. Command: "
        "`python benchmarks/hostile_files.py --out benchmarks/results/hostile_files.csv`."
    ),
}


def zoo() -> str:
    """The figures of the shipped models, from the metafiles."""
    models = zoo_models()
    if not models:
        return "No model ships with this version.\n"
    return markdown_table(models[name] for name in sorted(models)) + "\n"


def zoo_details() -> str:
    """The card of each model of the zoo, from the metafiles."""
    return "\n".join(_demoted(model_card(model), 2) for _, model in sorted(zoo_models().items()))


def rivals() -> str:
    """The models whose weights other code gives, with what these score here."""
    models = described_models().values()
    return markdown_table(model for model in models if not model.is_ready) + "\n"


def configs() -> str:
    """All bundled configs by method: the method's README, then a table of its configs."""
    by_method: dict[str, list[Path]] = {}
    for path in bundled_configs().values():
        by_method.setdefault(path.parent.name, []).append(path)
    lines: list[str] = []
    for method, paths in sorted(by_method.items()):
        readme = configs_dir() / method / "README.md"
        lines += [_demoted(readme.read_text(encoding="utf-8"), 2)] if readme.is_file() else []
        header = ["config", "network", "aggregator", "scale", "iterations"]
        lines += ["", _line(header), _line(["---"] * len(header))]
        for path in sorted(paths):
            config = load_config(path)
            network = config.model.network
            aggregator = (network.get("aggregator") or {}).get("type", "")
            iterations = config.get("train_cfg", {}).get("max_iters")
            lines.append(
                f"| `{path.stem}` | {network.type} | {aggregator} | x{network.get('scale', 1)} | "
                f"{f'{iterations:,}' if iterations else 'learns nothing'} |"
            )
        lines += [""]
    return "\n".join(lines)


def paper(number: int) -> str:
    """One of the paper's tables, quoted."""
    return markdown(paper_table(number))


def paper_all() -> str:
    """All tables of the paper, quoted."""
    return "\n".join(f"## Table {number}\n\n{paper(number)}" for number in TITLES)


def benchmarks(folder: Path, page: Path) -> str:
    """Every CSV and plot below a folder of results; grid tables are taken as they are.

    Args:
        folder: The repository's ``benchmarks/results``.
        page: Folder of the page that shows them, for the paths of plots.
    """
    tables = sorted(folder.rglob("*.csv"))
    if not tables:
        return "No results are kept in `benchmarks/results` yet.\n"
    lines = []
    for path in tables:
        name = path.relative_to(folder).with_suffix("").as_posix()
        ready = path.with_suffix(".md")
        lines += [f"## {name}", "", _EXPLAINED.get(name.removesuffix("_figures"), ""), ""]
        if ready.is_file():
            lines += [_demoted(ready.read_text(encoding="utf-8"), 2)]
        else:
            lines += [_measured_table(path)]
        plot = path.with_suffix(".png")
        if plot.is_file():
            lines += ["", f"![Plot of {name}]({os.path.relpath(plot, page)})"]
        lines += [""]
    return "\n".join(lines)


def result(path: Path) -> str:
    """One CSV of results with what it shows, without a heading."""
    if not path.is_file():
        return f"`benchmarks/results/{path.name}` is not there yet.\n"
    return f"{_EXPLAINED[path.stem.removesuffix('_figures')]}\n\n{_measured_table(path)}\n"


def grid(path: Path) -> str:
    """The table of a grid, as `ignn grid` wrote it, and its command."""
    if not path.is_file():
        return f"`benchmarks/results/{path.parent.name}/{path.name}` is not there yet.\n"
    name = f"{path.parent.name}/{path.stem}"
    return f"{_EXPLAINED[name]}\n\n{path.read_text(encoding='utf-8')}\n"


def _measured_table(path: Path) -> str:
    """A CSV file as a table; columns with one value for all rows are said once, above it."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return "The file is empty."
    columns = list(rows[0])
    shared = [c for c in columns if len(rows) > 1 and len({row[c] for row in rows}) == 1]
    shown = [c for c in columns if c not in shared]
    where = {row.get("device") or row.get("machine") or "" for row in rows} - {""}
    on_cpu = where and not any(map(_GPU.search, where))
    lines = [
        f"`benchmarks/results/{path.name}`, "
        + ("**CPU only**; " if on_cpu else "")
        + f"{len(rows)} rows. For all rows: "
        + (", ".join(f"{c} {rows[0][c]}" for c in shared if rows[0][c]) or "nothing in common")
        + ".",
        "",
        _line(shown),
        _line(["---"] * len(shown)),
    ]
    return "\n".join([*lines, *(_line([row[c] or "" for c in shown]) for row in rows)])


def _demoted(text: str, levels: int) -> str:
    """Headings some levels lower; links to files of the repository become plain words."""
    text = re.sub(r"^(#+ )", "#" * levels + r"\1", text, flags=re.MULTILINE)
    return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", text)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
