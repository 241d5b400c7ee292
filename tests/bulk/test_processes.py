"""Processes find each other through a folder, whatever an earlier start has left there."""

import threading

import pytest

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


def meet_and_leave(folder, order):
    """Has processes, as threads, meet and leave; gives each one's status and what happened."""
    events, statuses = [], {}

    def conclude():
        events.append("concluded")
        return 7

    def process(rank):
        here = Processes(rank, len(order))
        here.meet(folder)
        events.append("met")
        statuses[rank] = here.leave(folder, conclude)

    threads = [threading.Thread(target=process, args=(rank,), daemon=True) for rank in order]
    for thread in threads:
        thread.start()
        thread.join(0.3)  # whoever is early waits for the others
    for thread in threads:
        thread.join(30)
    return statuses, events


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (0,)])
def test_all_leave_with_the_status_of_rank_0_after_all_have_come(tmp_path, order):
    statuses, events = meet_and_leave(tmp_path, order)
    assert statuses == dict.fromkeys(order, 7)
    assert events == ["met"] * len(order) + ["concluded"]
    assert list(tmp_path.iterdir()) == []


def test_remains_of_a_start_that_died_are_not_taken_for_the_present_one(tmp_path):
    former = [Processes(rank, 3) for rank in range(3)]
    tokens = {str(rank): former[rank]._token for rank in (1, 2)}
    former[0]._tell(tmp_path, token="former", **tokens, status=1)
    for rank in (1, 2):
        former[rank].meet(tmp_path)  # hears of the former rank 0
        former[rank]._tell(tmp_path, token=tokens[str(rank)], heard="former", finished=True)
    assert len(list(tmp_path.iterdir())) == 3
    statuses, events = meet_and_leave(tmp_path, (1, 0, 2))
    assert statuses == {0: 7, 1: 7, 2: 7}
    assert events == ["met"] * 3 + ["concluded"]


def test_a_process_that_never_comes_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    with pytest.raises(OSError, match="process 1 of 2 has not come .* see the same output folder"):
        Processes(0, 2).meet(tmp_path)
