"""Time and memory of the operators, the networks and their training, beside what they could be.

python benchmarks/speed.py ops
python benchmarks/speed.py model --list
python benchmarks/speed.py model --case graphagg_x2_256 --threads 2
python benchmarks/speed.py attention
python benchmarks/speed.py train --repeats 3 --out my_results
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from frame.cases import Case
from frame.measure import can_measure_peak
from frame.run import CaseResult, run_case
from frame.table import RESULTS, figures, write_results
from rich.console import Console
from rich.table import Table
from speed_cases import all_cases, find_case

_MIB = 2**20


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("group", choices=("ops", "model", "attention", "train"))
    parser.add_argument("--case", metavar="NAME", help="measure this one only")
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--repeats", type=int, help="calls of each (default: the case's)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of torch")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the CSV files are kept")
    args = parser.parse_args(words)
    console = Console(width=None if Console().is_terminal else 140)
    cases = all_cases(args.group)
    if args.list:
        for case in cases:
            console.print(f"{case.name}: {case.summary}", highlight=False)
        return 0
    if args.case is not None:
        cases = [find_case(args.case)]
        if cases[0].group != args.group:
            parser.error(f"{args.case} is a case of {cases[0].group}")
    if not can_measure_peak():
        console.print("peak memory: not measured, it needs Linux's /proc/self/clear_refs")
    for case in cases:
        with console.status(case.name) as status:
            result = run_case(case, args.threads, args.repeats, status.update)
        written = write_results(args.out, result, args.threads)
        _print_case(console, case, result)
    console.print(f"wrote {written[0]} and {written[1]}", highlight=False)
    return 0


def _print_case(console: Console, case: Case, result: CaseResult) -> None:
    measured = Table("variant", "seconds", "CPU seconds", "peak, MiB", title=case.name)
    for name in case.variants:
        peak = result.peak(name)
        text = "" if peak is None else f"{peak / _MIB:.0f}"
        measured.add_row(name, f"{result.wall(name):.3f}", f"{result.cpu(name):.3f}", text)
    columns = ("figure", "measured", "by CPU time", "required", "aim", "published code", "met")
    read_off = Table(*columns)
    for row in figures(result):
        met = {True: "yes", False: "no", None: ""}[row.met]
        numbers = (row.value, row.by_cpu, row.figure.required, row.figure.aim)
        texts = ("" if number is None else f"{number:.4g}" for number in numbers)
        read_off.add_row(row.text, *texts, row.figure.published, met)
    console.print(case.summary, highlight=False)
    console.print(measured, read_off)


if __name__ == "__main__":
    sys.exit(main())
