"""Gathers the learning curves of runs into one CSV: loss, rate, seconds and validation figures.

A run is given as NAME=WORK_DIR; what it logged before and after being resumed is joined. Seconds
are those of the iterations alone, without validation, on the machine as busy as it was.

Example: python tools/analysis/learning_curves.py edsr=runs/edsr ignn=runs/ignn -o curves.csv
"""

import argparse
import csv
import io
import json
from pathlib import Path
from typing import Any

from ignn_toolbox.files import write_bytes

_LOGGED = ("loss", "lr")


def curve(work_dir: Path) -> list[dict[str, Any]]:
    """Rows of ``iteration``, ``seconds``, what was logged and the figures of a validation there.

    Raises:
        FileNotFoundError: Nothing was logged.
    """
    files = sorted(work_dir.glob("*/vis_data/scalars.json"))
    if not files:
        raise FileNotFoundError(f"{work_dir} holds no log of a run (*/vis_data/scalars.json)")
    rows: dict[int, dict[str, Any]] = {}
    for file in files:
        records = [json.loads(line) for line in file.read_text().splitlines()]
        first = min((record["step"] for record in records), default=0)
        rows = {step: row for step, row in rows.items() if step < first}
        for record in records:
            row = rows.setdefault(record["step"], {"iteration": record["step"]})
            if "time" in record:
                row |= {key: record[key] for key in _LOGGED} | {"time": record["time"]}
            row |= {key: value for key, value in record.items() if "/" in key}
    seconds, before = 0.0, 0
    for step, row in sorted(rows.items()):
        if "time" in row:
            seconds += row.pop("time") * (step - before)
            before = step
        row["seconds"] = round(seconds, 1)
    return [rows[step] for step in sorted(rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", metavar="NAME=WORK_DIR", help="runs to gather")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="CSV")
    args = parser.parse_args()
    found: list[dict[str, Any]] = []
    for word in args.runs:
        name, equals, folder = word.partition("=")
        if not (name and equals and folder):
            parser.error(f"`{word}` is no run; write NAME=WORK_DIR")
        try:
            found += [{"run": name} | row for row in curve(Path(folder))]
        except FileNotFoundError as error:
            parser.error(str(error))
    figures = dict.fromkeys(key for row in found for key in row if "/" in key)
    text = io.StringIO()
    names = ["run", "iteration", "seconds", *_LOGGED, *figures]
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    write_bytes(args.out, text.getvalue().encode())


if __name__ == "__main__":
    main()
