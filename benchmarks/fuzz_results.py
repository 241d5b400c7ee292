"""Damages results files, takes them to everything that reads one, and counts what became of them.

Two methods' results are made; one is damaged by a seeded rule and goes to `compare`, `table`,
`report` and `publish`. Nothing may be written outside of the folder named, an error must be one
line of ours, and a file whose figures are not its records' must not be used. Exits with 1 when that
is not so.

    python benchmarks/fuzz_results.py --out benchmarks/results/fuzz_results.csv
"""

import contextlib
import io
import json
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from frame.watch import Watch

from ignn_toolbox.cli import main as ignn
from ignn_toolbox.evaluation import Results, evaluate, write_results
from ignn_toolbox.images import write_image

JUNK = (
    None,
    True,
    -1,
    0,
    10**400,
    1e300,
    "",
    "x",
    "=1+1",
    "\x1b[2J",
    "../x",
    [],
    [1],
    {},
    "x" * 10**5,
)
RAW_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "9" * 5000)
COMMANDS = {
    "compare": ("compare", "bad", "good"),
    "compare, second": ("compare", "good", "bad"),
    "table": ("table", "bad"),
    "report": ("report", "bad", "good", "-o", "page"),
    "publish": ("publish", "--name", "x", "--config", "bicubic_x2", "--results", "bad")
    + ("--root", "root"),
}
NAMES = (
    "{tmp}/elsewhere",
    "../../elsewhere",
    "a/../../../elsewhere",
    "[/bold]",
    "\x1b[31m\n",
    "<b>",
)


def junk_value(text: str, rng: random.Random) -> str:
    """Put a value of another kind at any place, or drop it."""
    content = json.loads(text)
    parent: Any = content
    while True:
        keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
        key = rng.choice(keys)
        inner = parent[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.25:
            break
        parent = inner
    if rng.random() < 0.2:
        del parent[key]
    else:
        parent[key] = rng.choice(JUNK)
    return json.dumps(content)


def odd_number(text: str, rng: random.Random) -> str:
    """Write a number that is none, or has no end, in the place of one."""
    content = json.loads(text)
    rng.choice(content[rng.choice(("images", "means"))])[rng.choice(("psnr", "ssim"))] = "@"
    return json.dumps(content).replace('"@"', rng.choice(RAW_NUMBERS))


def names(text: str, rng: random.Random) -> str:
    """Give a data set, an image or the method a name that leads elsewhere or means something."""
    name = rng.choice(NAMES).format(tmp=Path.cwd().parent)
    old = rng.choice(("Set5", "a", "bad"))
    return text.replace(f'"{old}"', json.dumps(name))


def folders(text: str, rng: random.Random) -> str:
    """Say that pictures lie elsewhere, or nowhere."""
    content = json.loads(text)
    places = content["info"][rng.choice(("gt_dirs", "sr_dirs"))]
    places["Set5"] = rng.choice((*JUNK, "/", "/dev/zero", "/nowhere", "good/results.json", ".."))
    return json.dumps(content)


def other_figures(text: str, rng: random.Random) -> str:
    """Change a record, a mean, or their number, so that they do not fit each other."""
    content = json.loads(text)
    rows = content[rng.choice(("images", "means"))]
    if rng.random() < 0.5:
        rows[0]["psnr"] += rng.choice((1e-3, 50, -1e9))
    else:
        rows.append(dict(rows[0])) if rng.random() < 0.5 else rows.clear()
    return json.dumps(content)


def cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text))]


def flipped(text: str, rng: random.Random) -> str:
    data = bytearray(text.encode())
    for _ in range(rng.choice((1, 20))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data.decode("latin-1")


def no_results(text: str, rng: random.Random) -> str:
    deep = "[" * 10**5
    return rng.choice(
        ("", "[]", "{}", "null", "5", '{"format": 1}', '{"format": 2}', deep, "\ufeff{}")
    )


DAMAGES: dict[str, Callable[[str, random.Random], str]] = {
    "values of other kinds": junk_value,
    "numbers that are none": odd_number,
    "names": names,
    "folders": folders,
    "figures that do not fit": other_figures,
    "cut": cut,
    "flipped bits": flipped,
    "no results": no_results,
}
MUST_FAIL = ("numbers that are none", "figures that do not fit", "cut", "no results")


def fuzz(folder: Path, cases: int, seed: int = 0) -> list[dict[str, Any]]:
    """Run the cases in an empty folder.

    Returns:
        A row a kind of damage: cases, commands, how many refused, how many went on, and how often
        something was wrong.
    """
    rng = random.Random(seed)
    here = Path.cwd()
    work = folder / "work"
    work.mkdir()
    os.chdir(work)
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in DAMAGES}
    try:
        _ground(work)
        good = Path("bad/results.json").read_text()
        watch = Watch()
        for number in range(cases):
            kind = list(DAMAGES)[number % len(DAMAGES)]
            count = counts[kind]
            count["cases"] += 1
            Path("bad/results.json").write_text(
                DAMAGES[kind](good, rng), encoding="utf-8", errors="surrogatepass"
            )
            for name, words in COMMANDS.items():
                count["commands"] += 1
                status, faults = _try(watch, work, kind, words)
                count["refused" if status else "went on"] += 1
                for fault in faults:
                    print(f"{kind}, {name}: {fault}")
                    count["wrong"] += 1
                shutil.rmtree("page", ignore_errors=True)
    finally:
        os.chdir(here)
    words = ("cases", "commands", "refused", "went on", "wrong")
    return [
        {"damage": kind} | {word: found[word] for word in words} for kind, found in counts.items()
    ]


def _ground(work: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        truth = rng.integers(0, 256, (40, 48, 3), np.uint8)
        write_image(work / "Set5" / f"{name}.png", truth)
        for method, noise in (("bad", 30), ("good", 10)):
            pixels = np.clip(truth + rng.normal(0, noise, truth.shape), 0, 255).astype(np.uint8)
            write_image(work / method / f"{name}.png", pixels)
    for method in ("bad", "good"):
        records = evaluate(work / method, work / "Set5", 2).images
        info = {"gt_dirs": {"Set5": str(work / "Set5")}, "sr_dirs": {"Set5": str(work / method)}}
        write_results(work / method, Results(method, 2, records, info))
    shutil.copytree(Path(__file__).parents[1] / "configs", work / "root/configs")
    (work / "root/ignn_toolbox/zoo/checkpoints").mkdir(parents=True)
    for words in COMMANDS.values():
        status, said = _run(words)
        if status != 0:
            raise RuntimeError(said)
    shutil.rmtree("page")


def _try(watch: Watch, work: Path, kind: str, words: tuple[str, ...]) -> tuple[int, list[str]]:
    with watch.over(work) as seen:
        status, said = _run(words)
    faults = [f"did {what}" for what in seen]
    if "IGNN_DEBUG" in said or "Traceback" in said:
        faults.append(f"an error that nobody foresaw: {said[-300:]}")
    error = said[said.rfind("error:") :] if status else ""
    if len(error) > 3_000 or not error.replace("\n", "").isprintable():
        faults.append(f"no message to read: {error[:200]!r}")
    if status == 0 and kind in MUST_FAIL:
        faults.append(f"used: {said[:200]!r}")
    return status, faults


def _run(words: tuple[str, ...]) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        status = ignn(list(words))
    return status, said.getvalue()


if __name__ == "__main__":
    from frame.fuzzing import run_fuzz

    sys.exit(run_fuzz(__doc__.splitlines()[0], fuzz, 64))
