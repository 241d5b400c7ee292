"""Where commands print tables and sentences: nothing in a name is obeyed as markup."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from ..text import shown

_WORD = 24  # characters of a cell that stay together where they can
_WIDE = 10_000  # columns: where no terminal is, nothing is cut or wrapped


def console() -> Console:
    """Return a console that prints what it is given: no markup, no emoji codes, no highlights."""
    plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    plain["soft_wrap"] = True  # the terminal breaks what is too long, and nothing is lost
    here = Console(**plain)
    return here if here.is_terminal else Console(**plain, width=_WIDE)


def table(
    header: Sequence[str], rows: Iterable[Sequence[Any]] = (), *, title: object = "", **options: Any
) -> Table:
    """Return a table; on a narrow terminal cells are folded rather than cut, names last.

    Args:
        header: Names of the columns.
        rows: Cells, shown as `ignn_toolbox.text.shown` says.
        title: Above the table.
        **options: Further arguments of rich's table.
    """
    made = Table(title=shown(title) or None, **options)
    cells = [[shown(cell) for cell in row] for row in rows]
    for place, name in enumerate(map(shown, header)):
        words = [word for text in (name, *(row[place] for row in cells)) for word in text.split()]
        least = min(max(map(len, words), default=1), _WORD)
        made.add_column(name, overflow="fold", min_width=least)
    for row in cells:
        made.add_row(*row)
    return made
