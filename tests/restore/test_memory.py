"""Budgets, maps in files, and what happens when there is no room."""

import os
import re
from types import SimpleNamespace

import pytest
import torch
from speed_cases.networks import build_network, build_tiny_network

from ignn_toolbox.restore import memory, tiles
from ignn_toolbox.restore.memory import check_memory, format_memory, free_memory, used_memory
from ignn_toolbox.restore.planner import TilePlanner
from ignn_toolbox.restore.tiles import MapStore

CPU = torch.device("cpu")
MIB = 2**20
on_linux = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux' /proc")


@on_linux
def test_maps_in_files_are_not_in_the_process_memory():
    before = used_memory(CPU)
    held = MapStore(0, CPU).allocate((1, 64, 512, 512), torch.float32)
    held.fill_(0.5)
    assert used_memory(CPU) - before < 8 * MIB
    in_memory = MapStore(2**30, CPU).allocate((1, 64, 512, 512), torch.float32)
    in_memory.fill_(0.5)
    assert used_memory(CPU) - before > 60 * MIB
    assert held[0, 63, 511, 511] == 0.5


def test_maps_that_are_dropped_make_room():
    store = MapStore(3 * MIB, CPU)
    first = store.allocate((2 * MIB,), torch.uint8)
    view = first[5:]
    assert store.held == 2 * MIB
    del first
    assert store.held == 2 * MIB  # a view holds the map
    del view
    assert store.held == 0


def test_disk_without_room_is_told_before_anything_is_written(monkeypatch):
    monkeypatch.setattr(tiles.shutil, "disk_usage", lambda folder: SimpleNamespace(free=5 * MIB))
    with pytest.raises(OSError, match=r"takes 8 MiB.*has 5 MiB free.*TMPDIR"):
        MapStore(0, CPU).allocate((8 * MIB,), torch.uint8)


def test_container_limits_count(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text(f"{512 * MIB}\n")
    (tmp_path / "memory.current").write_text(f"{500 * MIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 3\ninactive_file {100 * MIB}\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert free_memory(CPU) == 112 * MIB
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(CPU) > 112 * MIB


def test_sizes_for_messages():
    assert format_memory(3.25 * 2**30) == "3.2 GiB"
    assert format_memory(180 * MIB) == "180 MiB"


@pytest.mark.slow
def test_larger_budgets_get_larger_tiles():
    planner = TilePlanner(build_tiny_network("ignn_tiny").eval())
    budgets = (72 * MIB, 110 * MIB)
    plans = [planner.choose(400, 300, budget, 0) for budget in budgets]
    assert plans[0].tile < plans[1].tile
    assert all(plan.peak <= budget for plan, budget in zip(plans, budgets, strict=True))
    assert planner.choose(400, 300, 2**40, 0).tile is None


@pytest.mark.slow
def test_plans_do_not_depend_on_earlier_plans():
    network = build_tiny_network("ignn_tiny").eval()
    planner = TilePlanner(network)
    plans = [planner.plan_tile(200, 150, tile, 0) for tile in (128, 32)]
    assert plans[1] == TilePlanner(network).plan_tile(200, 150, 32, 0)
    assert plans[0].peak > plans[1].peak
    assert plans[0].stored == plans[1].stored


def test_maps_are_those_of_the_whole_picture():
    """Features, key patches and their statistics, embeddings, and the picture itself."""
    network = build_network(graph=True, tiny=True)
    height, width, channels, embedded = 200, 160, 16, network.aggregator.embedder.channels
    pixels = height * width
    patches = pixels // 4 // 4
    floats = 2 * channels * pixels + 2 * channels * patches  # and one row and column of zeros
    floats += embedded * (pixels + pixels // 4) + 3 * 4 * pixels
    stored = TilePlanner(network).plan_tile(height, width, 64, 0).stored
    assert 4 * floats <= stored <= 4.1 * floats


def test_plan_says_whether_maps_are_in_memory():
    planner = TilePlanner(build_network(graph=True, tiny=True))
    in_files = planner.plan_tile(100, 100, 32, 0)
    in_memory = planner.plan_tile(100, 100, 32, 2**40)
    assert (in_files.in_memory, in_memory.in_memory) == (False, True)
    assert in_memory.peak == in_files.peak + in_files.stored


def test_maps_of_an_accelerator_are_counted_where_they_lie():
    planner = TilePlanner(build_network(graph=True, tiny=True))
    planner.apart = True  # as if it were on a GPU
    elsewhere = planner.plan_tile(300, 300, 32, 2**40)
    assert (elsewhere.in_memory, elsewhere.on_device) == (True, False)
    there = planner.plan_tile(300, 300, 32, 2**40, elsewhere.peak + elsewhere.stored)
    assert (there.in_memory, there.on_device) == (True, True)
    assert there.peak == elsewhere.peak + elsewhere.stored
    ample = planner.choose_tile(300, 300, 2**40, 2**40)
    assert (ample.tile, ample.on_device) == (max(ample.tile, 128), True)
    scarce = planner.choose_tile(300, 300, there.peak, 2**40)
    assert scarce.tile > 32
    assert not scarce.on_device
    assert scarce.peak <= there.peak


@pytest.mark.parametrize("kind", ["cuda", "xpu"])
def test_memory_of_an_accelerator_is_its_own(kind, monkeypatch):
    module = SimpleNamespace(
        memory_allocated=lambda device: 3 * MIB,
        memory_reserved=lambda device: 5 * MIB,
        mem_get_info=lambda device: (10 * MIB, 16 * MIB),
    )
    monkeypatch.setattr(torch, "get_device_module", lambda device: module)
    device = torch.device(kind)
    assert (used_memory(device), free_memory(device)) == (3 * MIB, 12 * MIB)
    check_memory(16 * MIB, device)
    with pytest.raises(ValueError, match=f"memory=17 MiB is more than {kind} has: 16 MiB"):
        check_memory(17 * MIB, device)


def test_memory_of_mps_is_what_is_recommended(monkeypatch):
    module = SimpleNamespace(
        current_allocated_memory=lambda: 3 * MIB, recommended_max_memory=lambda: 16 * MIB
    )
    monkeypatch.setattr(torch, "get_device_module", lambda device: module)
    device = torch.device("mps")
    assert (used_memory(device), free_memory(device)) == (3 * MIB, 13 * MIB)


def test_memory_of_other_systems_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_PROC", tmp_path)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert used_memory(CPU) == 0
    assert re.fullmatch(r"4\.0 GiB", format_memory(free_memory(CPU)))
