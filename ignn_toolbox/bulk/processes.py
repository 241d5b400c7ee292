"""The processes of one run, as torchrun starts them: who they are, and how they meet.

They exchange no tensors, so there is no process group: they meet through small files in a folder
that all of them see.
"""

import json
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..files import write_bytes

_PATIENCE = 600.0  # seconds in which processes that were started together have begun
_PAUSE = 0.2


@dataclass
class Processes:
    """This process among those of the run.

    Attributes:
        rank: Its number, from 0.
        world: Number of processes, on all nodes together.
        local_rank: Its number on its node.
        local_world: Number of processes on its node.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1
    _token: str = field(default_factory=lambda: uuid.uuid4().hex)
    _heard: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Processes | None":
        """What ``RANK`` and ``WORLD_SIZE`` say, or None where they are not set.

        Raises:
            ValueError: They make no sense.
        """
        if "RANK" not in environment or "WORLD_SIZE" not in environment:
            return None
        defaults = {"RANK": "", "WORLD_SIZE": "", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
        texts = {name: environment.get(name, default) for name, default in defaults.items()}
        if not all(text.isdecimal() for text in texts.values()):
            raise ValueError(f"{texts} in the environment are not numbers of processes")
        rank, world, local_rank, local_world = map(int, texts.values())
        if rank >= world:
            raise ValueError(f"RANK={rank} in the environment is not below WORLD_SIZE={world}")
        return cls(rank, world, local_rank, local_world)

    def share(self, parts: int) -> range:
        """The parts of the work that are this process's, out of ``parts``."""
        return range(self.rank, parts, self.world)

    def meet(self, folder: Path) -> None:
        """Returns in every process once all processes have called it.

        Args:
            folder: One that all of them see; the ranks above 0 wait until it is there.

        Raises:
            OSError: Some have not come within ten minutes of rank 0.
        """
        if self.rank == 0:
            self._welcome(folder)
            return
        while not folder.is_dir():
            time.sleep(_PAUSE)
        self._tell(folder, token=self._token)
        # Files of an earlier start may lie here: only an answer to this token is of this one.
        while (answer := _read(folder, 0)).get(str(self.rank)) != self._token:
            time.sleep(_PAUSE)
        self._heard = answer["token"]
        self._tell(folder, token=self._token, heard=self._heard)

    def leave(self, folder: Path, conclude: Callable[[], int]) -> int:
        """Ends in all processes at about the same time and with the same exit status.

        torchrun takes a process that fails while others have succeeded for one to be restarted
        with all others, and waits minutes for those on other nodes that have left already.

        Args:
            folder: As in :meth:`meet`.
            conclude: Called in rank 0 once all processes have come here; gives the status.
        """
        if self.rank > 0:
            self._tell(folder, token=self._token, heard=self._heard, finished=True)
            while (last := _read(folder, 0)).get("token") != self._heard or "status" not in last:
                time.sleep(_PAUSE)
            _path(folder, self.rank).unlink(missing_ok=True)
            return last["status"]
        others = range(1, self.world)
        while not all(self._is_finished(folder, rank) for rank in others):
            time.sleep(_PAUSE)
        status = conclude()
        if others:
            self._tell(folder, token=self._token, status=status)
            while any(_read(folder, rank) for rank in others):
                time.sleep(_PAUSE)
            _path(folder, 0).unlink(missing_ok=True)
        return status

    def _is_finished(self, folder: Path, rank: int) -> bool:
        state = _read(folder, rank)
        return state.get("heard") == self._token and "finished" in state

    def _welcome(self, folder: Path) -> None:
        """Answers the others until all have heard of this rank 0 and not of a former one."""
        deadline = time.monotonic() + _PATIENCE
        answers: dict[str, str] = {}
        missing = list(range(1, self.world))
        while missing:
            states = {rank: _read(folder, rank) for rank in missing}
            tokens = {str(rank): state["token"] for rank, state in states.items() if state}
            if not tokens.items() <= answers.items():
                answers |= tokens
                self._tell(folder, token=self._token, **answers)
            missing = [rank for rank in missing if states[rank].get("heard") != self._token]
            if missing and time.monotonic() > deadline:
                raise OSError(
                    f"process {missing[0]} of {self.world} has not come to {folder} within "
                    f"{_PATIENCE / 60:.0f} minutes; all nodes must see the same output folder"
                )
            if missing:
                time.sleep(_PAUSE)

    def _tell(self, folder: Path, **state: Any) -> None:
        write_bytes(_path(folder, self.rank), json.dumps(state).encode())


def _path(folder: Path, rank: int) -> Path:
    return folder / f"process-{rank}.json"


def _read(folder: Path, rank: int) -> dict[str, Any]:
    try:
        return json.loads(_path(folder, rank).read_bytes())
    except FileNotFoundError:
        return {}
