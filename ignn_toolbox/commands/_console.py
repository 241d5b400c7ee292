"""Where commands print tables and sentences: nothing in a name is obeyed as markup."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from ..text import shown

_WIDE = 10_000  # columns: where no terminal is, nothing is cut or wrapped


def console() -> Console:
    """Return a console that prints what it is given: no markup, no emoji codes, no highlights."""
    plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    here = Console(**plain)
    return here if here.is_terminal else Console(**plain, width=_WIDE)


def table(
    header: Sequence[str], rows: Iterable[Sequence[Any]] = (), *, title: object = "", **options: Any
) -> Table:
    """Return a table; its first column is folded rather than cut where a terminal is narrow.

    Args:
        header: Names of the columns.
        rows: Cells, shown as `ignn_toolbox.text.shown` says.
        title: Above the table.
        **options: Further arguments of rich's table.
    """
    made = Table(title=shown(title) or None, **options)
    for place, name in enumerate(header):
        made.add_column(shown(name), overflow="fold", no_wrap=place == 0)
    for row in rows:
        made.add_row(*map(shown, row))
    return made
