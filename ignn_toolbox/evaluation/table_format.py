"""Tables of quoted and measured figures as Markdown, LaTeX and CSV."""

from collections.abc import Callable, Sequence
from typing import Any

from ..text import csv_text, shown
from .paper import PaperTable, Row

NONE = "-"

_LATEX = {character: f"\\{character}" for character in "&%#_{}$"} | {
    "\\": r"\textbackslash{}",
    "^": r"\^{}",
    "~": r"\textasciitilde{}",
}


def markdown(table: PaperTable) -> str:
    """A Markdown table; measured rows are bold and say so, notes follow the table."""
    header = ["Method", "Scale", *table.sets, "Source"]
    lines = [f"{table.title}.", "", bar(header), bar(["---"] * len(header))]
    footnotes: list[str] = []
    for row in table.rows:
        mark = _marks(row, footnotes, lambda number: f" [{number}]")
        cells = [row.method, f"x{row.scale}", *_figures(row)]
        if row.source is None:
            cells = [f"**{cell}**" if cell != NONE else cell for cell in cells]
        cells[0] += mark
        lines.append(bar([*cells, row.source or "**measured here**"]))
    lines += [""] * bool(footnotes)
    lines += [f"[{number}] {note}" + "  " for number, note in enumerate(footnotes, 1)]
    return "\n".join(lines).rstrip() + "\n"


def latex(table: PaperTable) -> str:
    """A LaTeX table for booktabs; measured rows are bold and marked by a dagger."""
    columns = "ll" + "c" * len(table.sets)
    header = " & ".join(["Method", "Scale", *table.sets])
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_escape(table.title)}. $\dagger$: measured here; others are quoted.}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        rf"{header} \\",
        r"\midrule",
    ]
    footnotes: list[str] = []
    for index, row in enumerate(table.rows):
        if index and table.rows[index - 1].scale != row.scale:
            lines.append(r"\midrule")
        mark = _marks(row, footnotes, lambda number: rf"$^{{{number}}}$")
        cells = [_escape(row.method), rf"$\times${row.scale}", *_figures(row)]
        if row.source is None:
            cells = [rf"\textbf{{{cell}}}" if cell != NONE else cell for cell in cells]
            mark += r"$^\dagger$"
        cells[0] += mark
        lines.append(" & ".join(cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [
        rf"\par\footnotesize $^{{{number}}}$ {_escape(note)}"
        for number, note in enumerate(footnotes, 1)
    ]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def comma_separated(table: PaperTable) -> str:
    """CSV with one column a figure; measured figures are not rounded."""
    figures = [f"{name} {figure}" for name in table.sets for figure in ("PSNR", "SSIM")]
    rows: list[list[Any]] = [["method", "scale", "kind", "source", *figures, "notes"]]
    for row in table.rows:
        kind = "measured" if row.source is None else "quoted"
        values = [
            "" if value is None or value[i] is None else value[i]
            for value in row.values
            for i in range(2)
        ]
        notes = "; ".join(row.notes)
        rows.append([row.method, row.scale, kind, row.source or "", *values, notes])
    return csv_text(rows)


def latex_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A LaTeX table for booktabs of plain cells, the first column left, others centred."""
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_escape(caption)}.}}",
        rf"\begin{{tabular}}{{l{'c' * (len(header) - 1)}}}",
        r"\toprule",
        *(
            " & ".join(_escape(cell) for cell in cells) + r" \\" + rule
            for cells, rule in ((header, "\n\\midrule"), *((row, "") for row in rows))
        ),
    ]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def comma_separated_rows(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """CSV of plain values; None becomes an empty cell."""
    return csv_text([header, *rows])


FORMATS: dict[str, Callable[[PaperTable], str]] = {
    "markdown": markdown,
    "latex": latex,
    "csv": comma_separated,
}


def _figures(row: Row) -> list[str]:
    cells = []
    for value in row.values:
        if value is None:
            cells.append(NONE)
        else:
            cells.append(f"{value[0]:.2f}" + (f"/{value[1]:.4f}" if value[1] is not None else ""))
    return cells


def _marks(row: Row, footnotes: list[str], mark: Callable[[int], str]) -> str:
    """References to the row's notes, which are added to the table's."""
    marks = ""
    for note in row.notes:
        if note not in footnotes:
            footnotes.append(note)
        marks += mark(footnotes.index(note) + 1)
    return marks


def bar(cells: Sequence[str]) -> str:
    """Return one line of a Markdown table."""
    safe = [shown(cell).replace("|", r"\|") for cell in cells]
    return f"| {' | '.join(safe)} |"


def _escape(text: str) -> str:
    escaped = "".join(_LATEX.get(character, character) for character in shown(text))
    return escaped.replace("||", r"$\|$")
