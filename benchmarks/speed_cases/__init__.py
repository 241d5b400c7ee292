"""The cases of `speed.py`: operators, networks and training, beside what they could be."""

from __future__ import annotations

from frame.cases import Case

from ignn_toolbox.files import did_you_mean

from .attention import attention_cases
from .model import model_cases
from .ops import ops_cases
from .train import train_cases


def all_cases(group: str | None = None) -> list[Case]:
    """All cases, or those of one group, small ones first."""
    cases = [*ops_cases(), *model_cases(), *attention_cases(), *train_cases()]
    return [case for case in cases if group is None or case.group == group]


def find_case(name: str) -> Case:
    """The case of this name.

    Raises:
        ValueError: There is none; the nearest name is given.
    """
    cases = {case.name: case for case in all_cases()}
    if name in cases:
        return cases[name]
    raise ValueError(f"no benchmark case {name!r}; {did_you_mean(name, cases)}")
