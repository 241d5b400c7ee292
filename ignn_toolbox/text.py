"""Text from files and users, made safe for where it goes: a terminal, a spreadsheet, a file."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

# Controls, line and paragraph separators, marks that turn the direction of reading, and what
# stands for bytes that are no text.
_UNSAFE = re.compile(
    "[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")


def shown(text: object) -> str:
    r"""Return text as one line that a terminal only shows.

    Characters that would move the cursor, change colours, break the line or turn the direction are
    shown as ``\x1b`` and the like, bytes of a name that are no UTF-8 as ``\xff``.
    """
    return _UNSAFE.sub(lambda found: _escaped(found[0]), str(text))


def encoded(text: str) -> bytes:
    r"""Return UTF-8 for a file; bytes of names that are none become ``\udcff``.

    That is how JSON writes them, so that reading it gives the name back.
    """
    return text.encode("utf-8", "backslashreplace")


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV, a line each; no cell is a formula to a spreadsheet, None is empty."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    is_formula = value.startswith(_FORMULA) and not _is_number(value)
    return f"'{shown(value)}" if is_formula else shown(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python writes a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
