"""Runs the README's blocks one after the other, as printed, in the current folder.

Meant for a fresh clone and an empty environment. What a block needs beyond that is said by a
comment before it in the README's source, `<!-- ci: NEED; NEED -->`, where a NEED is one of

    skip REASON     it is not run
    data            it is run where the data is: ../shared/data, which IGNN_SHARED names otherwise
    given NAMES     pictures of these names are there; a name that ends with `/` is a folder of them
    short           trainings take two iterations, and only Set5 is tested
    address         its last line never ends; it is stopped when it has told an address

    python .ci/readme.py README.md
"""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = re.compile(
    r"(?:<!-- ci: (?P<needs>[^\n]*?) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL
)
NEEDS = ("skip", "data", "given", "short", "address")
# Of the environment that the first block makes: matplotlib's photograph, small.
PICTURE = """
import sys
from matplotlib import cbook
from PIL import Image

with cbook.get_sample_data("grace_hopper.jpg") as file:
    image = Image.open(file).convert("RGB").resize((96, 112))
for name in sys.argv[1:]:
    image.save(name)
"""
TWO = (
    "--cfg-options train_cfg.max_iters=2 train_cfg.val_interval=2 param_scheduler=None"
    " default_hooks.logger.interval=1"
)
SHORT = {"ignn train": TWO, "tools/dist_train.sh": TWO, "ignn test": "--sets Set5"}


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        kind: ``bash`` or ``python``.
        text: As printed.
        line: Of the README, where it begins.
        needs: What the comment before it says: words by their first.
    """

    kind: str
    text: str
    line: int
    needs: dict[str, list[str]] = field(default_factory=dict)


def blocks(readme: str) -> list[Block]:
    """Return the blocks of shell and Python in order.

    Raises:
        ValueError: A comment says what is not known.
    """
    found = []
    for match in BLOCK.finditer(readme):
        parts = [part.split() for part in (match["needs"] or "").split(";") if part.strip()]
        needs = {first: rest for first, *rest in parts}
        if unknown := set(needs) - set(NEEDS):
            raise ValueError(f"ci: {', '.join(unknown)}: not known; use {', '.join(NEEDS)}")
        if match["kind"] in ("bash", "python"):
            line = readme.count("\n", 0, match.start("text"))
            found.append(Block(match["kind"], match["text"], line, needs))
    return found


def shortened(text: str) -> str:
    """Let trainings take two iterations, and tests one set."""
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    for number, line in enumerate(lines):
        command, hash_sign, comment = line.partition(" #")
        for start, options in SHORT.items():
            if command.startswith(start):
                if "--cfg-options" in command:
                    options = options.removeprefix("--cfg-options ")
                command = f"{command.rstrip()} {options}"
        lines[number] = command + hash_sign + comment
    return "\n".join(lines) + "\n"


def make_given(names: list[str]) -> None:
    """Put a small picture where each name says; two into a folder."""
    wanted = [
        f"{n}{part}" for n in names for part in (("a.jpg", "b.jpg") if n[-1] == "/" else ("",))
    ]
    for name in wanted:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
    if wanted:
        subprocess.run(["python", "-c", PICTURE, *wanted], check=True)


def make_data(shared: Path) -> None:
    """Lay ``data/`` out with links: the training sets, and Set5 alone of the benchmarks."""
    Path("data/bench").mkdir(parents=True, exist_ok=True)
    for name, source in (("train", "train"), ("bench/Set5", "bench/Set5")):
        if not Path("data", name).exists():
            Path("data", name).symlink_to((shared / "data" / source).resolve())


def run(block: Block) -> None:
    """Run a block to its end, or until it has told an address.

    Raises:
        subprocess.CalledProcessError: A command in it failed.
    """
    text = shortened(block.text) if "short" in block.needs else block.text
    script = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": ["python", "-c"]}[block.kind]
    script = [*script, text]
    if "address" not in block.needs:
        subprocess.run(script, check=True)
        return
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    streams["env"] = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(script, text=True, **streams) as process:
        assert process.stdout is not None
        seen = next((line for line in process.stdout if "http://" in line), None)
        # not SIGINT, which what is started in the background ignores
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    if seen is None:
        raise subprocess.CalledProcessError(process.returncode, script)
    print(seen, end="")


def main() -> int:
    """Run all; the first failure ends it."""
    readme = Path(sys.argv[1])
    shared = Path(os.environ.get("IGNN_SHARED", "../shared")).resolve()
    for block in blocks(readme.read_text(encoding="utf-8")):
        place = f"{readme.name}:{block.line}"
        if "skip" in block.needs:
            print(f"-- {place}: left out, {' '.join(block.needs['skip'])}", flush=True)
            continue
        if "data" in block.needs:
            if not (shared / "data").is_dir():
                print(f"-- {place}: left out, the data is not here", flush=True)
                continue
            make_data(shared)
        make_given(block.needs.get("given", []))
        print(f"-- {place}:\n{block.text}", end="", flush=True)
        started = time.monotonic()
        try:
            run(block)
        except subprocess.CalledProcessError as error:
            print(f"{place}: the block fails with status {error.returncode}", file=sys.stderr)
            return 1
        print(f"-- {place}: {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
