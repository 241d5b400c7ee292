"""Damages configs and options, trains and tests with them, and counts what became of it.

Each case takes a sound config of a small training, damages its text, its composed values or the
options given on the command line by a seeded rule, and runs `ignn train` or `ignn test`. It must
end well, with finite weights, or be refused in one line of ours: no trace, no second line, nothing
written but into its own folder. A number or flag that was replaced by a word must be refused. Exits
with 1 when that is not so.

    python benchmarks/fuzz_configs.py --cases 320 --out benchmarks/results/fuzz_configs.csv
"""

import contextlib
import copy
import io
import logging
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from pprint import pformat
from typing import Any

import torch

from ignn_toolbox.checkpoint import load_checkpoint
from ignn_toolbox.cli import main as ignn
from ignn_toolbox.engine.config import load_config

SLOW = 60.0  # seconds of one case, on a machine that does other work too
SOUND = """_base_ = [
    "ignn_toolbox::_base_/datasets/bsds_t91.py",
    "ignn_toolbox::_base_/schedules/tiny_cosine.py",
    "ignn_toolbox::_base_/runtime/default.py",
]
model = dict(
    type="Restorer",
    network=dict(
        type="EDSR",
        scale=2,
        channels=4,
        num_blocks=1,
        compact=True,
        aggregator=dict(
            type="GraphAgg", channels=4, scale=2, window=4, embedder=dict(type="RGBEmbedder")
        ),
    ),
    loss=dict(type="L1Loss"),
)
batch_size = 2
lq_size = 40
train_cfg = dict(max_iters=1, val_interval=1)
default_hooks = dict(logger=dict(interval=1))
"""
_WORDS = ("false", "off", "two", "1e-4f", "none of these", "", "\0", "[", "{scale}", "../..")
_JUNK: tuple[Any, ...] = (
    *_WORDS,
    *(None, True, False, 0, -1, 1.5, float("nan"), float("inf"), -(2**31)),
    *([], {}, [1], ["x"], {"type": "x"}, {"type": 5}, {"x": 1}, {"_delete_": True}),
)
# Sections whose values are anything: helpers, and what goes on to torch's process group.
_FREE = ("_", "env_cfg.dist_cfg")


def places(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a config with its dotted key, numbers for lists."""
    if place:
        yield place, node
    items = node.items() if isinstance(node, dict) else enumerate(node) if _is_list(node) else ()
    for key, value in items:
        if not str(key).startswith("_"):
            yield from places(value, f"{place}.{key}" if place else str(key))


def words_for_numbers(config: dict, rng: random.Random) -> dict:
    """Replace a number or flag by a word."""
    numbers = [p for p, v in places(config) if isinstance(v, bool | int | float)]
    chosen = rng.choice([p for p in numbers if not p.startswith(_FREE)])
    return _put(config, chosen, rng.choice(_WORDS))


def values_of_other_kinds(config: dict, rng: random.Random) -> dict:
    """Replace any value by anything."""
    chosen = rng.choice([place for place, _ in places(config)])
    return _put(config, chosen, rng.choice(_JUNK))


def sections_of_other_kinds(config: dict, rng: random.Random) -> dict:
    """Replace a whole section, or a component, by anything."""
    chosen = rng.choice([p for p, v in places(config) if isinstance(v, dict | list)])
    return _put(config, chosen, rng.choice(_JUNK))


def keys_misspelt(config: dict, rng: random.Random) -> dict:
    """Misspell, drop or add a key."""
    holders = [config] + [value for _, value in places(config) if isinstance(value, dict) and value]
    holder = rng.choice(holders)
    key = rng.choice(sorted(map(str, holder)))
    value = holder.pop(key)
    action = rng.choice(("misspell", "drop", "add"))
    if action != "drop":
        letters = list(key)
        letters.insert(rng.randrange(len(letters) + 1), rng.choice("aegnrst_"))
        holder["".join(letters)] = value
    if action == "add":
        holder[key] = value
    return config


def types_renamed(config: dict, rng: random.Random) -> dict:
    """Give a component another type, of its kind or of none."""
    types = [(place, value) for place, value in places(config) if place.endswith("type")]
    known = [value for _, value in types] + [
        "os.system",
        "builtins.exit",
        "EDRS",
        "BN",
        "",
        "a.b.c",
    ]
    return _put(config, rng.choice(types)[0], rng.choice(known))


def text_cut(text: str, rng: random.Random) -> bytes:
    """Drop the end, or the beginning."""
    place = rng.randrange(len(text))
    return (text[:place] if rng.random() < 0.5 else text[place:]).encode()


def text_flipped(text: str, rng: random.Random) -> bytes:
    """Turn single bits."""
    changed = bytearray(text.encode())
    for _ in range(rng.choice((1, 1, 1, 5))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def lines_shuffled(text: str, rng: random.Random) -> bytes:
    """Swap, repeat and drop lines."""
    lines = text.split("\n")
    for _ in range(rng.randint(1, 3)):
        lines[rng.randrange(len(lines))] = rng.choice([*lines, ""])
    return "\n".join(lines).encode()


def code_that_fails(text: str, rng: random.Random) -> bytes:
    """Put a statement between the others."""
    statements = (
        *("1 / 0", "assert False", "exit(3)", "raise KeyError('x')", "import not_there"),
        *("_x = [" * 99, "_x = _base_.nothing", "from os import nothing", "x = 1\0", "return"),
        *("custom_imports = dict(imports=['not_there'])", "with read_base():\n    pass"),
        *("_x = b'\\xff'.decode()", "def f(): return f()\n_x = f()", "raise SystemExit", "\ufeff"),
        *(
            "class A: pass\nmodel['type'] = A",
            "import torch\ntrain_cfg['max_iters'] = torch.ones(2)",
        ),
    )
    lines = text.rstrip().split("\n\n")
    place = rng.choice((0, len(lines)))
    lines.insert(place, rng.choice(statements))
    return "\n".join(lines).encode()


def bases_changed(text: str, rng: random.Random) -> bytes:
    """Change what the bases are called."""
    own = "ignn_toolbox::_base_/datasets/bsds_t91.py"
    others = (
        *("config.py", "./config.py", "not_there.py", "", ".", "/", "~", "mmdet::x.py", own + "x"),
        *("ignn_toolbox::", "ignn_toolbox::../setup.py", "..\\x.py", "config.json", own[14:]),
        *("ignn_toolbox::edsr_tiny_x2", "ignn_toolbox::_base_/runtime/ema.py"),
    )
    return text.replace(own, rng.choice(others)).encode()


def option_words(rng: random.Random, config: dict) -> list[str]:
    """Options of the command line, sensible and not."""
    keys = [place for place, _ in places(config)]
    words = []
    for _ in range(rng.randint(1, 3)):
        key = rng.choice((rng.choice(keys), rng.choice(keys) + ".x", "a..b", "", "resume", "x"))
        value = rng.choice(_JUNK)
        words.append(f"{key}={value if isinstance(value, str) else repr(value)}".replace("\0", ""))
    return words


VALUES: dict[str, Callable[[dict, random.Random], dict]] = {
    "words for numbers": words_for_numbers,
    "values of other kinds": values_of_other_kinds,
    "sections of other kinds": sections_of_other_kinds,
    "keys misspelt": keys_misspelt,
    "types renamed": types_renamed,
}
TEXTS: dict[str, Callable[[str, random.Random], bytes]] = {
    "text cut": text_cut,
    "flipped bits": text_flipped,
    "lines shuffled": lines_shuffled,
    "code that fails": code_that_fails,
    "bases changed": bases_changed,
}
KINDS = (*VALUES, *TEXTS, "options")


def fuzz(folder: Path, data: Path, cases: int, seed: int = 0) -> list[dict[str, str | int]]:
    """Run the cases in an empty folder.

    Args:
        folder: Where each case gets a folder.
        data: Pictures in the layout of ``_base_/datasets/bsds_t91.py``, not touched. One of them
            stands in for Set5.
        cases: How many.
        seed: Of what is damaged.

    Returns:
        A row a kind of damage: how often the run ended well, was refused, was refused with the
        place in our code that stumbled, and how often something was wrong.
    """
    rng = random.Random(seed)
    (data / "bench").mkdir(exist_ok=True)
    if not (data / "bench/Set5").exists():
        shutil.copytree(data / "train/T91", data / "bench/Set5")
    sound = folder / "sound.py"
    sound.write_text(SOUND)
    values = load_config(sound, data_root=data).to_dict()
    status, said, _ = _ignn("train", sound, data, folder / "run")
    if status != 0:
        raise RuntimeError(said)
    weights = folder / "run/iter_1.pth"
    counts = {kind: Counter[str]() for kind in KINDS}
    for number in range(cases):
        kind = KINDS[number % len(KINDS)]
        case = folder / f"case{number}"
        case.mkdir()
        options = damaged(case / "config.py", kind, values, rng)
        before = _files(folder)
        command = "test" if rng.random() < 0.25 else "train"
        more = [weights] if command == "test" else []
        status, said, seconds = _ignn(
            command, case / "config.py", data, case / "run", more=more, options=options
        )
        new = [path for path in _files(folder) - before if case / "run" not in path.parents]
        for word in judge(kind, command, status, said, seconds, case, new):
            counts[kind][word] += 1
    words = ("ended well", "refused", "stumbled", "wrong")
    return [
        {"damage": kind, "cases": found["cases"]} | {word: found[word] for word in words}
        for kind, found in counts.items()
    ]


def damaged(file: Path, kind: str, values: dict, rng: random.Random) -> list[str]:
    """Write a damaged config; return options to give with it."""
    if kind in VALUES:
        config = VALUES[kind](copy.deepcopy(values), rng)
        lines = (f"{key} = {_written(value)}" for key, value in config.items())
        file.write_text("from math import inf, nan\n" + "\n".join(lines) + "\n", encoding="utf-8")
        return []
    if kind in TEXTS:
        file.write_bytes(TEXTS[kind](SOUND, rng))
        return []
    file.write_text(SOUND)
    return option_words(rng, values)


def judge(
    kind: str,
    command: str,
    status: int,
    said: str,
    seconds: float,
    case: Path,
    new: list[Path],
) -> list[str]:
    """Say what became of a case; print what was wrong with it."""
    words, faults = ["cases"], []
    lines = said.strip().splitlines()
    if status == 0:
        words.append("ended well")
        if kind == "words for numbers":
            faults.append("a word was taken for a number")
        for file in (case / "run").glob("iter_*.pth"):
            state = load_checkpoint(file)["state_dict"]
            if not all(torch.isfinite(value).all() for value in state.values()):
                faults.append("weights that are not finite")
    elif status == 1:
        words.append("stumbled" if "IGNN_DEBUG" in said else "refused")
        if len(lines) != 1 or not lines[0].startswith(f"ignn {command}: error: "):
            faults.append("not one line of ours")
    else:
        faults.append(f"status {status}")
    if "Traceback" in said or "IGNN_DEBUG" in said and not lines[-1].split(", line ")[-1].isdigit():
        faults.append("a trace, or no file and line")
    if new:
        faults.append(f"written: {', '.join(map(str, new))}")
    if seconds > SLOW:
        faults.append(f"{seconds:.0f} s")
    if faults:
        print(f"{case}, {kind}, {', '.join(faults)}:\n{said}")
        words.append("wrong")
    elif "stumbled" in words:
        print(f"{kind}: {said.strip()}")
    return words


def _ignn(
    command: str,
    config: Path,
    data: Path,
    out: Path,
    more: list[Path] | None = None,
    options: list[str] | None = None,
) -> tuple[int, str, float]:
    """Status, what was said on stderr, seconds."""
    words = [command, config, *(more or []), "--data-root", data]
    words += ["--out" if command == "test" else "--work-dir", out]
    words += ["--cfg-options", *options] if options else []
    said, begun = io.StringIO(), time.perf_counter()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = ignn([str(word) for word in words])
        except SystemExit as error:
            status = int(error.code or 0)
        finally:
            logging.shutdown()
    # mmengine's log goes to stderr with its colours and times; ours and traces do not.
    lines = [
        line for line in said.getvalue().splitlines(keepends=True) if " - mmengine - " not in line
    ]
    return status, "".join(lines), time.perf_counter() - begun


def _put(config: dict, place: str, value: Any) -> dict:
    node: Any = config
    *way, last = place.split(".")
    for part in way:
        node = node[int(part)] if _is_list(node) else node[part]
    node[int(last) if _is_list(node) else last] = copy.deepcopy(value)
    return config


def _written(value: Any) -> str:
    return pformat(value, width=100)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()} | set(Path.cwd().iterdir())


def fuzz_with_drawn_data(folder: Path, cases: int, seed: int) -> list[dict[str, str | int]]:
    """As `fuzz`, of pictures drawn here; works in the folder, where a config may lead."""
    from frame.drawn import draw_data

    draw_data(folder / "data", images=2, size=96)
    (folder / "cases").mkdir()
    here = Path.cwd()
    os.chdir(folder)
    try:
        return fuzz(folder / "cases", folder / "data", cases, seed)
    finally:
        os.chdir(here)


if __name__ == "__main__":
    from frame.fuzzing import run_fuzz

    sys.exit(run_fuzz(__doc__.splitlines()[0], fuzz_with_drawn_data, 320))
