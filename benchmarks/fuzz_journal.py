"""Damages the journals of bulk runs, goes on with the runs, and counts what became of them.

Each case takes a run that is finished or was killed, damages one file of its journal by a seeded
rule, and repeats the command. Every line that is said must be one of ours; what counts as restored
must have the right pixels, and inputs must be as they were. Where a run is refused, or pictures
fail because a record says so, what the message advises must bring all outputs back. Exits with 1
when that is not so.

    python benchmarks/fuzz_journal.py --cases 150 --out benchmarks/results/fuzz_journal.csv
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

import numpy as np
from PIL import Image

from ignn_toolbox.bulk.journal import FOLDER
from ignn_toolbox.cli import main as ignn

PICTURES = 6
COMMAND = ("upscale", "in", "-o", "out", "--journal", "--model", "bicubic_x2", "--device", "cpu")

_JUNK = (None, True, False, 0, -1, 99, 2**70, 1.5, "", "x", "done", [], [1], {}, {"size": 1}, "\0")


def cut(content: bytes, rng: random.Random) -> bytes:
    """Drop the end, or the beginning."""
    place = rng.randrange(len(content) + 1)
    return content[:place] if rng.random() < 0.7 else content[place:]


def flip(content: bytes, rng: random.Random) -> bytes:
    """Turn single bits."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 5, 50))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def blank(content: bytes, rng: random.Random) -> bytes:
    """Write NULs over a stretch, as a file system may after a power cut."""
    first = rng.randrange(len(content))
    last = rng.randrange(first, len(content)) + 1
    return content[:first] + bytes(last - first) + content[last:]


def junk(content: bytes, rng: random.Random) -> bytes:
    """Put lines of anything between the others."""
    lines = content.split(b"\n")
    for _ in range(rng.randint(1, 3)):
        line = rng.choice((rng.randbytes(40), json.dumps(rng.choice(_JUNK)).encode(), b"[" * 9999))
        lines.insert(rng.randrange(len(lines) + 1), line)
    return b"\n".join(lines)


def retype(content: bytes, rng: random.Random) -> bytes:
    """Replace a value of a record by one of another kind, drop it, or add one."""
    lines = content.split(b"\n")
    places = [place for place, line in enumerate(lines) if line.startswith(b"{")]
    if not places or content.startswith(b"{\n"):  # run.json: one object over many lines
        lines, places = [content], [0]
    place = rng.choice(places)
    record = json.loads(lines[place])
    if not isinstance(record, dict):  # a note of one number
        return json.dumps(rng.choice(_JUNK)).encode()
    inside = [record] + [value for value in record.values() if isinstance(value, dict)]
    fields = rng.choice(inside)
    name = rng.choice([*fields, "more"])
    if rng.random() < 0.2:
        fields.pop(name, None)
    else:
        fields[name] = rng.choice(_JUNK)
    lines[place] = json.dumps(record).encode()
    return b"\n".join(lines)


def shuffle(content: bytes, rng: random.Random) -> bytes:
    """Repeat and swap lines."""
    lines = content.split(b"\n")
    return b"\n".join(rng.choices(lines, k=len(lines) + 2))


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": cut,
    "flipped bits": flip,
    "NULs": blank,
    "lines of junk": junk,
    "values of other kinds": retype,
    "lines shuffled": shuffle,
}


def fuzz(folder: Path, cases: int, seed: int = 0) -> list[dict[str, str | int]]:
    """Run the cases in an empty folder.

    Returns:
        A row a kind of damage: how often the run went on as if nothing was, restored some again,
        was refused, left pictures failed; and how often something was wrong.
    """
    rng = random.Random(seed)
    case = folder / "case"  # a run belongs to its folder
    finished = _finished(case).rename(folder / "finished")
    bases = [finished, _killed(finished, folder / "killed")]
    counts = {kind: Counter[str]() for kind in (*DAMAGES, "file removed", "another's record")}
    here = Path.cwd()
    try:
        for number in range(cases):
            kind = list(counts)[number % len(counts)]
            shutil.copytree(rng.choice(bases), case)  # with the files' times
            os.chdir(case)
            damage(case / "out" / FOLDER, kind, rng)
            for word in judge(case, finished):
                counts[kind][word] += 1
            os.chdir(here)
            shutil.rmtree(case)
    finally:
        os.chdir(here)
    words = ("went on", "restored again", "refused", "left failed", "wrong")
    return [
        {"damage": kind, "cases": found["cases"]} | {word: found[word] for word in words}
        for kind, found in counts.items()
    ]


def damage(journal: Path, kind: str, rng: random.Random) -> None:
    """Damage one file of a journal."""
    files = sorted(path for path in journal.rglob("*") if path.is_file() and path.stat().st_size)
    path = rng.choice(files)
    if kind == "file removed":
        path.unlink()
    elif kind == "another's record":
        parts = sorted(journal.glob("part-*.jsonl"))
        path, other = rng.sample(parts, 2) if len(parts) > 1 else (parts[0], parts[0])
        path.write_bytes(path.read_bytes() + other.read_bytes())
    else:
        path.write_bytes(DAMAGES[kind](path.read_bytes(), rng))


def judge(case: Path, wanted: Path) -> list[str]:
    """Repeat the command in a damaged case; say what became of it."""
    words = ["cases"]
    before = _stamps(case / "out")
    status, said = _run()
    if "is damaged" in said or "is the journal of another run" in said:
        words.append("refused")
        shutil.rmtree(case / "out" / FOLDER)
        status, later = _run("--skip-existing")
        said += later
    elif status != 0:
        words.append("left failed")
        status, later = _run("--retry-failed")
        said += later
        if status != 0:  # files that nobody knows any more are not written over unasked
            status, later = _run("--retry-failed", "--skip-existing")
            said += later
    else:
        after = _stamps(case / "out")
        again = any(after[path] != stamp for path, stamp in before.items())
        words.append("restored again" if again else "went on")
    faults = []
    if status != 0 or "IGNN_DEBUG" in said or "Traceback" in said:
        faults.append(f"status {status}")
    for name in _names():
        if not np.array_equal(_pixels(case / "out" / name), _pixels(wanted / "out" / name)):
            faults.append(f"{name} is not as it should be")
        if (case / "in" / name).read_bytes() != (wanted / "in" / name).read_bytes():
            faults.append(f"the input {name} was changed")
    if faults:
        print(f"{', '.join(faults)}:\n{said}")
        words.append("wrong")
    return words


def _names() -> list[str]:
    return [f"{index}.png" for index in range(PICTURES)]


def _finished(folder: Path) -> Path:
    """Make a run that is done."""
    rng = np.random.default_rng(0)
    (folder / "in").mkdir(parents=True)
    for name in _names():
        Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).save(folder / "in" / name)
    here = Path.cwd()
    os.chdir(folder)
    try:
        status, said = _run()
    finally:
        os.chdir(here)
    if status != 0:
        raise RuntimeError(said)
    return folder


def _killed(finished: Path, folder: Path) -> Path:
    """Make a run whose process died with half of the pictures done and three in its hands."""
    shutil.copytree(finished, folder)
    journal = folder / "out" / FOLDER
    for number in range(PICTURES // 2, PICTURES):
        (folder / "out" / f"{number}.png").unlink()
        (journal / f"part-{number:04}.jsonl").unlink()
        (journal / "begun" / str(number)).write_text("1" if number == PICTURES - 1 else "")
    return folder


def _run(*words: str) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        status = ignn([*COMMAND, *words])
    return status, said.getvalue()


def _stamps(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.glob("*.png")}


def _pixels(path: Path) -> np.ndarray | None:
    return np.asarray(Image.open(path)) if path.exists() else None


if __name__ == "__main__":
    from frame.fuzzing import run_fuzz

    sys.exit(run_fuzz(__doc__.splitlines()[0], fuzz, 150))
