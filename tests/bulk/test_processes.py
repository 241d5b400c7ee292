"""Processes find each other at torch's store, wait for the first one, and end together."""

import socket
import threading
from datetime import timedelta

import pytest
import torch.distributed as dist

from ignn_toolbox.bulk import processes as module
from ignn_toolbox.bulk.processes import Processes


@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_shares_cover_the_work_once(world):
    shares = [list(Processes(rank, world).share(20)) for rank in range(world)]
    assert sorted(part for share in shares for part in share) == list(range(20))


def test_environment_of_torchrun():
    assert Processes.from_environment({}) is None
    assert Processes.from_environment({"RANK": "1"}) is None
    here = Processes.from_environment(
        {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    )
    assert (here.rank, here.world, here.local_rank, here.local_world) == (3, 4, 1, 2)
    with pytest.raises(ValueError, match="RANK=4 .* not below WORLD_SIZE=4"):
        Processes.from_environment({"RANK": "4", "WORLD_SIZE": "4"})
    with pytest.raises(ValueError, match="not numbers"):
        Processes.from_environment({"RANK": "one", "WORLD_SIZE": "4"})


@pytest.fixture
def address():
    """A free port of this machine, as a launcher names it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}


def in_threads(processes, run):
    threads = [threading.Thread(target=run, args=(p,), daemon=True) for p in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("world", [1, 2, 4])
def test_the_first_prepares_and_all_end_with_its_status(address, world):
    events, statuses = [], {}

    def run(here):
        here.connect(address)
        if here.rank == 0:
            events.append("prepared")
            here.lead("new")
        else:
            events.append(here.follow())
        here.check()

        def conclude(done):
            events.append(f"{done} done")
            return 7

        statuses[here.rank] = here.end_together(10, conclude)

    in_threads([Processes(rank, world) for rank in reversed(range(world))], run)
    assert statuses == dict.fromkeys(range(world), 7)
    assert events == ["prepared", *["new"] * (world - 1), f"{10 * world} done"]


def test_a_process_that_never_comes_is_reported(monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", timedelta(seconds=0.1))
    with pytest.raises(OSError, match="process 1 of 2 has not come within"):
        Processes(0, 2, store=dist.HashStore()).lead("")


def test_a_store_that_is_gone_ends_what_was_left_over(address):
    first, second = Processes(0, 2), Processes(1, 2)
    first.connect(address)
    second.connect(address)
    second.check()
    first.store = None  # as when the process dies that has it
    with pytest.raises(OSError, match="the processes have lost each other"):
        second.check()


def test_a_launcher_that_names_no_address_is_refused():
    with pytest.raises(ValueError, match="MASTER_ADDR and MASTER_PORT do not say where"):
        Processes(0, 2).connect({})
    Processes(0, 1).connect({})


def test_nobody_at_the_address_is_said(address, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", timedelta(seconds=1))
    with pytest.raises(OSError, match="the processes cannot meet at 127.0.0.1:"):
        Processes(1, 2).connect(address)
