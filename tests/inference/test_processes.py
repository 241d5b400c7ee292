"""Processes find each other through a folder, whatever an earlier start has left there."""

import threading

import pytest

from ignn_toolbox.inference import processes as module
from ignn_toolbox.inference.processes import Processes


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


def meeting(folder, world, order):
    """Runs a meeting in threads; tells in which order the processes left."""
    left, threads = [], {}
    may_leave = {rank: threading.Event() for rank in range(world)}

    def process(rank):
        here = Processes(rank, world)
        here.meet(folder)
        may_leave[rank].wait(20)
        if rank > 0:
            left.append(rank)
        here.leave(folder)
        if rank == 0:
            left.append(rank)

    for rank in order:
        threads[rank] = threading.Thread(target=process, args=(rank,), daemon=True)
        threads[rank].start()
    for rank in range(world):
        may_leave[rank].set()
        threads[rank].join(0.3)
    for thread in threads.values():
        thread.join(20)
        assert not thread.is_alive()
    return left


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_rank_0_leaves_last_and_clears_up(tmp_path, order):
    assert meeting(tmp_path, 3, order)[-1] == 0
    assert list(tmp_path.iterdir()) == []


def test_remains_of_a_start_that_died_are_not_taken_for_the_present_one(tmp_path):
    former = {rank: Processes(rank, 3) for rank in range(3)}
    for rank in (1, 2):
        former[rank]._tell(tmp_path, token=former[rank]._token)
    former[0]._tell(tmp_path, **{"token": "old", "1": former[1]._token, "2": former[2]._token})
    for rank in (1, 2):
        former[rank].meet(tmp_path)
        former[rank].leave(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    assert meeting(tmp_path, 3, (0, 1, 2))[-1] == 0


def test_a_process_that_never_comes_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    with pytest.raises(OSError, match="process 1 of 2 has not come .* see the same output folder"):
        Processes(0, 2).meet(tmp_path)
