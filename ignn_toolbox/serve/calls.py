"""What calls of the page's functions must look like, looked at before gradio sees them.

gradio answers what it does not expect with a trace in the server's output; a caller is better told
what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .studio import SCALES

_CALL = re.compile(r"/(?:call|run|api)/(?P<name>\w+)/?$")
_JOIN = re.compile(r"/queue/join/?$")
_OTHER = re.compile(r"/(?:cancel|reset)/?$")


class Refusal(NamedTuple):
    """Why a call is refused.

    Attributes:
        status: As HTTP counts.
        reason: For the caller.
    """

    status: int
    reason: str


class Calls:
    """Knows the page's functions.

    Args:
        folder: Where uploads lie.
        kinds: What may be chosen as a model.
        functions: Names by number; each takes a picture, all but the first a model and a scale, and
            ``enlarge`` whether the network is tuned.
    """

    def __init__(self, folder: Path, kinds: Sequence[str], functions: Mapping[int, str]) -> None:
        self._folder = folder
        self._kinds = kinds
        self._functions = functions

    def refusal(self, path: str, body: Any) -> Refusal | None:
        """Return why a request with a JSON body cannot be answered, or None if it can."""
        if _OTHER.search(path):
            return None
        by_name = _CALL.search(path)
        if not by_name and not _JOIN.search(path):
            return Refusal(404, "there is no such function")
        if not isinstance(body, dict) or not isinstance(body.get("data"), list):
            return Refusal(422, "a call is an object with a list `data`")
        number = body.get("fn_index")
        name = self._functions.get(number) if isinstance(number, int) else None
        if by_name:
            name = by_name["name"]
        if name is None or name not in self._functions.values():
            return Refusal(404, f"there is no function {name or number!r}")
        fault = self._fault(name, body["data"], body.get("event_data"))
        return Refusal(422, fault) if fault else None

    def _fault(self, name: str, data: list[Any], event: Any) -> str | None:
        first = self._functions[min(self._functions)]
        wanted = {first: 1, "enlarge": 4}.get(name, 3)
        if len(data) != wanted:
            return f"{name} takes {wanted} values, got {len(data)}"
        if data[0] is not None and not self._is_upload(data[0]):
            return "the picture must be a file that was uploaded before, and is not deleted yet"
        if wanted > 1 and data[1] not in self._kinds:
            return f"no model {data[1]!r}; choose from {', '.join(self._kinds)}"
        if wanted > 1 and (type(data[2]) is not int or data[2] not in SCALES):
            return f"no scale {data[2]!r}; choose from {', '.join(map(str, SCALES))}"
        if wanted == 4 and type(data[3]) is not bool:
            return f"whether the network is tuned must be true or false, got {data[3]!r}"
        if name == "select" and not _is_place(event):
            return "the place must be a column and a row"
        return None

    def _is_upload(self, value: Any) -> bool:
        if not isinstance(value, dict) or not isinstance(value.get("path"), str):
            return False
        try:
            path = Path(value["path"]).resolve()
            return path.is_file() and self._folder.resolve() in path.parents
        except (OSError, ValueError):  # too long, or with NULs
            return False


def _is_place(event: Any) -> bool:
    index = event.get("index") if isinstance(event, dict) and "value" in event else None
    return isinstance(index, list) and len(index) == 2 and all(type(i) is int for i in index)
