"""A picture in tiles is the picture as a whole."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from ignn_toolbox.models.program import record
from ignn_toolbox.models.reach import Reach
from ignn_toolbox.registry import MODELS
from ignn_toolbox.restore.exact import area_ratio, restore_exactly
from ignn_toolbox.restore.independent import restore_independently
from ignn_toolbox.restore.memory import parse_memory
from ignn_toolbox.restore.runner import TiledRestorer
from ignn_toolbox.restore.tiles import MapStore, TileRun

CPU = torch.device("cpu")
BACKBONES = {
    "EDSR": {"type": "EDSR", "num_blocks": 2},
    "compact": {"type": "EDSR", "num_blocks": 2, "compact": True},
    "RCAN": {"type": "RCAN", "num_groups": 2, "num_blocks": 1, "reduction": 2},
}
CNN = {"type": "CNNEmbedder", "channels": 4}
RGB = {"type": "RGBEmbedder"}
AGGREGATORS = {
    "none": None,
    "GraphAgg": {"type": "GraphAgg", "embedder": CNN, "ecn_channels": 4},
    "GraphAgg global": {"type": "GraphAgg", "embedder": RGB, "window": None, "adapn": False},
    "GraphAgg distances": {
        "type": "GraphAgg",
        "embedder": RGB,
        "ecn": False,
        "distance_divisor": 0.1,
        "window": 3,
    },
    "SameScaleKNN": {"type": "SameScaleKNN", "embedder": RGB, "ecn_channels": 4},
    "NonLocal": {"type": "NonLocal"},
    "NonLocal sub-sampled": {"type": "NonLocal", "sub_sample": True},
}


def network_of(backbone, aggregator, scale, after=1):
    config = {**BACKBONES[backbone], "channels": 4, "scale": scale}
    if AGGREGATORS[aggregator]:
        config["aggregator"] = {**AGGREGATORS[aggregator], "channels": 4}
        config["aggregate_after"] = after
        if config["aggregator"]["type"] == "GraphAgg":
            config["aggregator"]["scale"] = 3 if scale == 3 else 2
    torch.manual_seed(0)
    network = MODELS.build(config).eval()
    for parameter in network.parameters():
        if parameter.requires_grad and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)  # nothing hides behind a zero
    return network


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("aggregator", AGGREGATORS)
@pytest.mark.parametrize("backbone", BACKBONES)
@torch.inference_mode()
def test_tiled_equals_whole(backbone, aggregator, scale):
    network = network_of(backbone, aggregator, scale)
    for size, tile, limit in (((41, 33), 19, 2**30), ((24, 50), 25, 0)):  # in memory and in files
        lq = torch.rand(1, 3, *size)
        tiled = restore_exactly(network, lq, TileRun(tile, pytest.fail), MapStore(limit, CPU))
        torch.testing.assert_close(tiled, network(lq), rtol=0, atol=1e-5)


@pytest.mark.parametrize("tile", [16, 17, 23, 31, 40, 64])
@torch.inference_mode()
def test_any_size_of_tile_will_do(tile):
    network, lq = network_of("EDSR", "GraphAgg", 2), torch.rand(1, 3, 43, 58)
    tiled = restore_exactly(network, lq, TileRun(tile, pytest.fail), MapStore(0, CPU))
    torch.testing.assert_close(tiled, network(lq), rtol=0, atol=1e-5)


@pytest.mark.parametrize("aggregator", ["GraphAgg", "GraphAgg distances", "SameScaleKNN"])
@torch.inference_mode()
def test_neighbours_are_those_of_the_whole(aggregator, monkeypatch):
    """Also where ties are many, and the features are made in bands."""
    monkeypatch.setattr("ignn_toolbox.models.embedders.banded._PIXELS", 1)
    network, graphs = network_of("EDSR", aggregator, 2), []
    prepare = network.aggregator.prepare

    def noted(*maps, **options):
        prepared = prepare(*maps, **options)
        graphs.append(prepared.graph)
        return prepared

    network.aggregator.prepare = noted
    lq = (torch.rand(1, 3, 150, 33) * 4).round() / 4
    lq[:, :, 60:] = 0.5
    network(lq)
    restore_exactly(network, lq, TileRun(20, pytest.fail), MapStore(0, CPU))
    whole, tiled = graphs
    assert torch.equal(whole.index, tiled.index)
    assert torch.equal(whole.distance, tiled.distance)


@pytest.mark.parametrize("aggregator", AGGREGATORS)
@pytest.mark.parametrize("backbone", BACKBONES)
@torch.inference_mode()
def test_constant_in_is_constant_out(backbone, aggregator):
    """Where no convolution and no patch sees the zeros around the picture."""
    network = network_of(backbone, aggregator, 2)
    for conv in network.modules():
        if isinstance(conv, torch.nn.Conv2d) and conv.kernel_size[0] > 1:
            conv.weight.copy_(_only_centre(conv.weight))
    lq = torch.tensor([0.2, 0.5, 0.7]).view(1, 3, 1, 1).expand(1, 3, 43, 51).contiguous()
    sr = restore_exactly(network, lq, TileRun(16, pytest.fail), MapStore(0, CPU))
    period = sr[:, :, :2, :2].repeat(1, 1, 43, 51)  # pixel shuffle gives each phase its own value
    torch.testing.assert_close(sr, period, rtol=0, atol=1e-5)


def _only_centre(weight):
    kept = torch.zeros_like(weight)
    middle = weight.shape[-1] // 2
    kept[:, :, middle, middle] = weight[:, :, middle, middle]
    return kept


class _Backwards(TileRun):
    def over(self, height, width, work):
        regions = []
        super().over(height, width, regions.append)
        for region in reversed(regions):
            work(region)


@torch.inference_mode()
def test_order_of_tiles_is_irrelevant():
    network, lq = network_of("EDSR", "GraphAgg", 2), torch.rand(1, 3, 40, 33)
    results = [
        restore_exactly(network, lq, run(16, pytest.fail), MapStore(2**30, CPU))
        for run in (TileRun, _Backwards)
    ]
    assert torch.equal(*results)


@torch.inference_mode()
def test_reach_is_derived_once_a_network(monkeypatch):
    derived, of = [], Reach.of.__func__
    monkeypatch.setattr(Reach, "of", classmethod(lambda *args: derived.append(1) or of(*args)))
    network = network_of("EDSR", "GraphAgg", 2)
    derived.clear()
    restore = TiledRestorer(network, network, tile=16)
    network(torch.rand(1, 3, 40, 33))
    assert derived == [], "the plain interpreter asks for none"
    restore(torch.rand(1, 3, 40, 33))
    first = len(derived)
    assert first > 0
    restore(torch.rand(1, 3, 33, 50))
    assert len(derived) == first


@torch.inference_mode()
def test_out_of_memory_halves_the_tile_and_goes_on():
    network, lq = network_of("EDSR", "GraphAgg", 2), torch.rand(1, 3, 40, 60)
    said = []

    def limited(module, images):
        if images[0].shape[-1] > 50:
            raise MemoryError

    handle = network.stem.register_forward_pre_hook(limited)
    run = TileRun(64, said.append)
    tiled = restore_exactly(network, lq, run, MapStore(2**30, CPU))
    handle.remove()
    assert run.tile < 64
    assert said
    torch.testing.assert_close(tiled, network(lq), rtol=0, atol=1e-5)


@pytest.mark.parametrize("picture", ["constant", "linear"])
def test_independent_tiles_leave_no_seam(picture, nearest_restorer):
    lq = torch.full((1, 3, 50, 70), 0.3)
    if picture == "linear":
        lq = lq + torch.linspace(0, 0.5, 70) + torch.linspace(0, 0.1, 50)[:, None]
    network = nearest_restorer.network
    tiled = restore_independently(network, lq, 2, TileRun(20, pytest.fail), MapStore(0, CPU))
    torch.testing.assert_close(tiled, network(lq), rtol=0, atol=1e-6)


@pytest.mark.slow
@torch.inference_mode()
def test_budget_decides_between_whole_and_tiles(monkeypatch):
    monkeypatch.setattr("ignn_toolbox.restore.runner.used_memory", lambda device: 2**30)
    network = network_of("EDSR", "GraphAgg", 2)
    lq = torch.rand(1, 3, 160, 112).contiguous(memory_format=torch.channels_last)
    whole, tiles = [], []
    for left in (2**28, 2**22):
        restore = TiledRestorer(network, lambda x: whole.append(1) or network(x), 2**30 + left)
        restore.progress = lambda done, total: tiles.append((done, total))
        restore.report = print
        torch.testing.assert_close(restore(lq), network(lq), rtol=0, atol=1e-5)
    assert len(whole) == 1
    assert tiles[0] == (1, 1)  # another callable than the network has no steps to count
    assert len(tiles) > 3
    assert tiles[-1][0] == tiles[-1][1]


def test_small_tiles_cost_their_halo():
    schedule = record(network_of("EDSR", "GraphAgg", 2))
    assert area_ratio(schedule, 64, 64, 64) == 1
    assert 1 < area_ratio(schedule, 64, 64, 32) < area_ratio(schedule, 64, 64, 16)


def test_memory_sizes():
    assert parse_memory("4G") == 4 * 2**30
    assert parse_memory("1.5M") == 3 * 2**19
    with pytest.raises(ValueError, match="4G"):
        parse_memory("much")


def test_independent_tiles_report_their_deviation(nearest_restorer):
    said = []
    network, lq = network_of("EDSR", "GraphAgg", 2), torch.rand(1, 3, 40, 60)
    for model in (network, nearest_restorer.network):
        restore = TiledRestorer(model, model, tile=24, mode="independent", report_deviation=True)
        restore.report = said.append
        with torch.inference_mode():
            independent, exact = restore(lq).clamp(0, 1), model(lq).clamp(0, 1)
        largest = 255 * (independent - exact).abs().max().item()
        assert f"exact {largest:.2f} of 255" in said[-1]
    assert "exact 0.00 of" not in said[0]
    assert "exact 0.00 of" in said[1]


def test_deviation_is_that_of_independent_tiles():
    with pytest.raises(ValueError, match="tile_mode='independent'"):
        TiledRestorer(network_of("EDSR", "none", 2), len, report_deviation=True)


@torch.inference_mode()
def test_progress_counts_all_passes():
    network, lq = network_of("EDSR", "GraphAgg", 2), torch.rand(1, 3, 40, 60)
    for tile in (24, 64):
        restore = TiledRestorer(network, network, tile=tile, passes=3)
        told = []
        restore.progress = lambda done, total, told=told: told.append(done / total)
        for _ in range(3):
            restore(lq)
        assert told == sorted(told)
        assert told[-1] == 1
        assert 1 / 3 in told


@pytest.mark.slow
def test_two_threads_share_one_inferencer():
    """Both plan a size that was never planned, again and again."""
    restore = TiledRestorer(network := network_of("EDSR", "GraphAgg", 2), network)
    restore.planner.fits_whole = lambda *_: False
    restore.report = lambda message: None

    def tiled(side):
        lq = torch.rand(1, 3, side, 40, generator=torch.Generator().manual_seed(side))
        with torch.inference_mode():
            return restore(lq), network(lq)

    for turn in range(2):
        with ThreadPoolExecutor(2) as pool:
            for made, wanted in pool.map(tiled, [40 + 2 * turn, 41 + 2 * turn]):
                torch.testing.assert_close(made, wanted, rtol=0, atol=1e-5)
