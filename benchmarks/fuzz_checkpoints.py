"""Takes checkpoints of every hostile and senseless kind through every door, and counts.

Kinds are in `checkpoint_kinds`; doors are commands and functions that read checkpoints. Nothing may
run, be imported, or touch a file outside of the case's own folder (an audit hook looks on); an
error is one of ours; a result is that of the good file, which must open all doors that are made for
it. Exits with 1 when that is not so.

    python benchmarks/fuzz_checkpoints.py --out benchmarks/results/fuzz_checkpoints.csv
"""

import contextlib
import copy
import io
import os
import random
import resource
import shutil
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from checkpoint_kinds import CANARY, GOOD, KINDS, PACKAGE, Kind
from frame.drawn import draw_data
from frame.watch import Watch
from mmengine.runner import CheckpointLoader

from ignn_toolbox.apis import SRInferencer, init_model
from ignn_toolbox.checkpoint import load_checkpoint
from ignn_toolbox.cli import main as ignn
from ignn_toolbox.evaluation import Results, write_results
from ignn_toolbox.files import sha256
from ignn_toolbox.images import write_image
from ignn_toolbox.models import VGGEmbedder
from ignn_toolbox.ops import PatchGraph
from ignn_toolbox.serve import Limits, Studio
from ignn_toolbox.zoo.warm_start import warm_start

CONFIG = "ignn-tiny_x2c32b8k5d30_1xb16-2k_bsds-t91"
SECONDS = 10  # of the processor, that a refusal may take
GROWTH = 400  # MiB that it may take
_TRAINING = ("train_cfg.max_iters=2", "train_cfg.val_interval=2", "batch_size=1", "lq_size=12")
_SCHEDULE = "param_scheduler=[dict(type='LinearLR', start_factor=0.5, by_epoch=False, end=2)]"
_TRAINING += ("model.network.init_cfg=None", _SCHEDULE)
_CLOSED = ("import", "VGGEmbedder", "PatchGraph")  # to a checkpoint of ours


class Ground:
    """A folder with data, a picture, a good checkpoint, and what must stay as it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        draw_data(folder / "data", images=1, size=48)
        pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
        write_image(folder / "data/bench/Set5/a.png", pixels)
        write_image(folder / "a.png", pixels)
        package = folder / PACKAGE
        package.mkdir()
        for name in ("__init__.py", "registry.py"):
            (package / name).write_text(f"open({CANARY!r}, 'w').close()\ndef build(**_): pass\n")
        (folder / "evil.py").write_text(f"open({CANARY!r}, 'w').close()\n")
        (folder / "victim").write_text("victim")
        shutil.copytree(Path(__file__).parents[1] / "configs", folder / "root/configs")
        (folder / "root/ignn_toolbox/zoo/checkpoints").mkdir(parents=True)
        status, said = self.run("train", CONFIG, "--work-dir", "good", *self.options(_TRAINING))
        if status != 0:
            raise RuntimeError(said)
        self.content = load_checkpoint("good/iter_2.pth")
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "cache")  # of the ONNX exporter
        (self.picture,) = SRInferencer("good/iter_2.pth", device="cpu")(folder / "a.png")

    def options(self, words: tuple[str, ...]) -> list[str]:
        return ["--data-root", str(self.folder / "data"), "--cfg-options", *words]

    def run(self, *words: str) -> tuple[int, str]:
        """A command's status and what it said."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            status = ignn(list(words))
        return status, said.getvalue()


def doors(ground: Ground, file: Path) -> dict[str, Callable[[], Any]]:
    """Everything that reads a checkpoint, by name; commands return status and words."""
    name, picture = str(file), "a.png"

    def command(*words: str) -> Callable[[], tuple[int, str]]:
        return lambda: ground.run(*words)

    def publish() -> tuple[int, str]:
        row = {"dataset": "Set5", "image": "a", "height": 24, "width": 24, "protocol": "y-float"}
        row |= {"psnr": 30.0, "ssim": 0.9, "seconds": 1.0}
        Path("out").mkdir(exist_ok=True)
        write_results("out", Results("x", 2, [row], {"sha256": sha256(file)}))
        words = (
            "--name",
            "x",
            "--config",
            CONFIG,
            "--results",
            "out",
            "--data",
            "d",
            "--terms",
            "t",
        )
        terms = ("--data", "d", "--terms", "t", "--root", "root")
        return ground.run("publish", name, *words, *terms)

    def serve() -> None:
        Path("out").mkdir(exist_ok=True)
        Studio("out", Limits(1, 0.01), [name], "cpu").enlarge("a.png", file.stem, 2)

    train = ("train", CONFIG, "--work-dir", "out/run")
    data = ground.options(_TRAINING)
    return {
        "init_model": lambda: init_model(file),
        "upscale --model": command("upscale", picture, "-o", "out", "--model", name),
        "upscale --journal": command(
            "upscale", picture, "-o", "out/j", "--model", name, "--journal"
        ),
        "upscale --checkpoint": command(
            "upscale", picture, "-o", "out/c", "--model", CONFIG, "--checkpoint", name
        ),
        "export --safetensors": command("export", name, "--safetensors", "out/x.safetensors"),
        "export --onnx": command("export", name, "--onnx", "out/x.onnx"),
        "inspect": command("inspect", picture, "--at", "9,9", "--model", name, "-o", "out/i.png"),
        "demo": command("demo", picture, "--model", name, "-o", "out/d.png"),
        "serve": serve,
        "test": command("test", name, "--out", "out/t", *data[:2]),
        "test CONFIG": command("test", CONFIG, name, "--out", "out/u", *data[:2]),
        "load_from": command(*train, *data, f"load_from={name!r}"),
        "init_cfg": lambda: warm_start(init_model(CONFIG), file),
        "resume": command(*train, "--resume", name, *data),
        "import": command("import", name, "-o", "out/imported.pth"),
        "publish": publish,
        "VGGEmbedder": lambda: VGGEmbedder(name).init_weights(),
        "PatchGraph": lambda: PatchGraph.load(file),
        "mmengine": lambda: CheckpointLoader.load_checkpoint(name),
    }


def attempt(door: Callable[[], Any]) -> tuple[bool, str]:
    """Go through a door; return whether it opened, and what was said."""
    try:
        result = door()
    except (ValueError, OSError) as error:
        return False, f"error: {error}"
    except Exception as error:
        return False, f"error: {error} IGNN_DEBUG {type(error).__name__}"
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], int):
        return result[0] == 0, result[1]
    return True, ""


def try_file(
    ground: Ground, watch: Watch, kind: Kind, file: Path, door: str, go: Callable[[], Any]
) -> tuple[bool, list[str]]:
    """Try a file at a door; return whether it opened, and what is wrong."""
    started, before = time.process_time(), _peak()
    with watch.over(ground.folder) as seen:
        opened, said = attempt(go)
    faults = [f"did {what}" for what in seen]
    if time.process_time() - started > SECONDS and not opened:
        faults.append(f"took {time.process_time() - started:.0f} s")
    if _peak() - before > GROWTH and not opened:
        faults.append(f"took {_peak() - before} MiB")
    if "Traceback" in said or "IGNN_DEBUG" in said:
        faults.append("an error that nobody foresaw")
    errors = said[said.rfind("error:") :]
    if not opened and not errors.replace("\n", "").isprintable():
        faults.append("control characters in the message")
    if not opened and len(errors) > 5_000:
        faults.append("a message of many pages")
    if Path(CANARY).exists():
        Path(CANARY).unlink()
        faults.append("the canary is there")
    if Path("victim").read_text() != "victim":
        faults.append("the victim was touched")
    if kind.name == GOOD and opened == (door in _CLOSED):
        faults.append("open" if opened else "closed")
    if opened and not kind.harmless and door not in kind.may_open:
        faults.append("opened")
    elif opened and door == "init_model":
        (made,) = SRInferencer(init_model(file), device="cpu")("a.png")
        if not np.array_equal(made, ground.picture) and kind.name != "flipped bits":
            faults.append("another result than the good file's")
    return opened, [f"{fault}: {errors.strip()[:400]}" for fault in faults]


def fuzz(folder: Path, rounds: int, seed: int, share: float = 1.0) -> list[dict[str, Any]]:
    """Take files of all kinds through the doors, in an empty folder.

    Args:
        folder: Where to work.
        rounds: Files of each kind.
        seed: Of all choices.
        share: Of the doors, those that each file is taken through; drawn.

    Returns:
        A row a kind: files, doors, how many refused, how many opened, and how often something was
        wrong.
    """
    rng = random.Random(seed)
    torch.manual_seed(0)
    here, path = Path.cwd(), list(sys.path)
    os.chdir(folder)
    sys.path.insert(0, str(folder))  # as for `python -m`
    counts: dict[str, Counter[str]] = {kind.name: Counter() for kind in KINDS}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ground, watch = Ground(folder), Watch((PACKAGE, "this", "antigravity"))
            for kind in KINDS:
                for _ in range(rounds):
                    _one_file(ground, watch, kind, rng, share, counts[kind.name])
    finally:
        os.chdir(here)
        sys.path[:] = path
    words = ("files", "doors", "refused", "opened", "wrong")
    return [
        {"kind": name} | {word: found[word] for word in words} for name, found in counts.items()
    ]


def _one_file(
    ground: Ground,
    watch: Watch,
    kind: Kind,
    rng: random.Random,
    share: float,
    count: Counter[str],
) -> None:
    file = kind.write(copy.deepcopy(ground.content), Path("bad.pth"), rng) or Path("bad.pth")
    count["files"] += 1
    refused = False
    for door, go in doors(ground, file.resolve()).items():
        if door == "export --onnx" and not refused and (kind.name != GOOD or share < 1):
            continue  # what loads takes half a minute to export, and ends as the good file does
        if door != "init_model" and kind.name != GOOD and rng.random() > share:
            continue
        count["doors"] += 1
        opened, faults = try_file(ground, watch, kind, file, door, go)
        count["opened" if opened else "refused"] += 1
        refused = not opened if door == "init_model" else refused
        for fault in faults:
            print(f"{kind.name}, {door}: {fault}")
            count["wrong"] += 1
        shutil.rmtree("out", ignore_errors=True)
    file.unlink(missing_ok=True)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10


if __name__ == "__main__":
    from frame.fuzzing import run_fuzz

    sys.exit(run_fuzz(__doc__.splitlines()[0], fuzz, 1, "files of each kind"))
