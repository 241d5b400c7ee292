"""The processes of one run, as torchrun starts them: who they are, and how they meet and end.

They exchange no tensors, so there is no process group: torch's key-value store, to which every
launcher of torch programs leads by ``MASTER_ADDR`` and ``MASTER_PORT``, is enough.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import torch.distributed as dist

_PATIENCE = timedelta(minutes=10)  # in which processes that were started together have begun
_PAUSE = 0.1  # seconds; a wait inside the store would be deaf to signals


@dataclass
class Processes:
    """This process among those of the run.

    Attributes:
        rank: Its number, from 0.
        world: Number of processes, on all nodes together.
        local_rank: Its number on its node.
        local_world: Number of processes on its node.
        store: Where they meet; not needed by one alone.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1
    store: dist.Store | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Processes | None":
        """Return what ``RANK`` and ``WORLD_SIZE`` say, or None where they are not set.

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

    def connect(self, environment: Mapping[str, str] = os.environ) -> None:
        """Open the store, unless this process is alone.

        Raises:
            ValueError: The environment does not say where it is.
            OSError: Nobody answers there.
        """
        if self.world == 1 or self.store is not None:
            return
        address, port = (environment.get(name, "") for name in ("MASTER_ADDR", "MASTER_PORT"))
        if not address or not port.isdecimal():
            raise ValueError(
                f"WORLD_SIZE={self.world} is set in the environment, but MASTER_ADDR and "
                "MASTER_PORT do not say where the processes meet"
            )
        is_host = self.rank == 0 and environment.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
        try:
            self.store = dist.TCPStore(
                address, int(port), self.world, is_host, _PATIENCE, wait_for_workers=False
            )
        except (RuntimeError, dist.DistError) as error:
            raise OSError(f"the processes cannot meet at {address}:{port}: {error}") from error

    def share(self, parts: int) -> range:
        """Return the parts of the work that are this process's, out of ``parts``."""
        return range(self.rank, parts, self.world)

    def lead(self, word: str) -> None:
        """Let the other processes go on; called in rank 0 once all is prepared for them.

        Args:
            word: What they should know.

        Raises:
            OSError: Some have not come within ten minutes.
        """
        if self.store is None:
            return
        self.store.set("ready", word)
        deadline = time.monotonic() + _PATIENCE.total_seconds()
        for rank in range(1, self.world):
            self._wait(f"here/{rank}", deadline, f"process {rank} of {self.world} has not come")

    def follow(self) -> str:
        """Wait for rank 0, and return its word; called before a look at what it prepares."""
        assert self.store is not None
        self.store.set(f"here/{self.rank}", "")
        return self._wait("ready").decode()

    def check(self) -> None:
        """Make sure that the others are still there.

        Raises:
            OSError: The store is gone, and with it who started this process.
        """
        if self.store is not None:
            self._has("ready")

    def end_together(self, done: int, conclude: Callable[[int], int]) -> int:
        """End in all processes at about the same time and with the same exit status.

        torchrun takes a process that fails while others have succeeded for one to be restarted
        with all others, and waits minutes for those on other nodes that have left already.

        Args:
            done: Number of pictures that this process restored.
            conclude: Called in rank 0 once all processes have come here, with the number that all
                restored; gives the status.
        """
        if self.store is None:
            return conclude(done)
        if self.rank > 0:
            self.store.set(f"done/{self.rank}", str(done))
            status = int(self._wait("status"))
            self.store.set(f"left/{self.rank}", "")
            return status
        others = range(1, self.world)
        status = conclude(done + sum(int(self._wait(f"done/{rank}")) for rank in others))
        self.store.set("status", str(status))
        for rank in others:  # the store may end with this process
            self._wait(f"left/{rank}")
        return status

    def _wait(self, key: str, deadline: float = float("inf"), fault: str = "") -> bytes:
        assert self.store is not None
        while not self._has(key):
            if time.monotonic() > deadline:
                raise OSError(f"{fault} within {_PATIENCE.total_seconds() / 60:.0f} minutes")
            time.sleep(_PAUSE)
        return self.store.get(key)

    def _has(self, key: str) -> bool:
        assert self.store is not None
        try:
            return self.store.check([key])
        except (RuntimeError, dist.DistError) as error:
            raise OSError(f"the processes have lost each other: {error}") from error
