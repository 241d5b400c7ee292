"""The patch graph as a thing of its own: kept, moved, read in pixels; and the memory setting."""

import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ignn_toolbox.ops import PatchGraph, PatchGrid, Search, search


def image_graph(batch=1, height=21, width=26, k=3):
    generator = torch.Generator().manual_seed(3)
    queries = torch.randn(batch, 4, height, width, generator=generator)
    keys = torch.randn(batch, 4, height // 2, width // 2, generator=generator)
    return search(queries, keys, Search(scale=2, num_neighbors=k)), queries, keys


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 2), st.integers(9, 20), st.integers(9, 20), st.integers(1, 4))
def test_saved_graph_comes_back(tmp_path_factory, batch, height, width, k):
    folder = tmp_path_factory.mktemp("graph")
    graph, *_ = image_graph(batch, height, width, k)
    graph.save(folder / "graph.pt")
    back = PatchGraph.load(folder / "graph.pt")
    assert torch.equal(back.index, graph.index)
    assert torch.equal(back.distance, graph.distance)
    for field in ("query_grid", "key_grid", "scale", "num_neighbors"):
        assert getattr(back, field) == getattr(graph, field)
    assert os.listdir(folder) == ["graph.pt"]  # no temporary file stays


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 half a file"])
def test_damaged_graph_file_is_named(content, tmp_path):
    path = tmp_path / "broken.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.pt is not a saved PatchGraph"):
        PatchGraph.load(path)


def test_other_checkpoint_is_no_graph(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=r"net\.pth is not a saved PatchGraph"):
        PatchGraph.load(tmp_path / "net.pth")
    with pytest.raises(FileNotFoundError):
        PatchGraph.load(tmp_path / "none.pt")


@pytest.mark.parametrize(
    "change",
    [
        {"index": torch.zeros(1, 4, 4, 2)},
        {"index": torch.zeros(0, 4, 4, 2, dtype=torch.int64)},
        {"index": torch.full((1, 4, 4, 2), -1)},
        {"index": torch.full((1, 4, 4, 2), 10**9)},
        {"distance": torch.full((1, 4, 4, 2), float("nan"))},
        {"distance": None},
        {"scale": "2"},
        {"scale": 0},
        {"query_grid": {"height": 10**9, "width": 10**9}},
        {"key_grid": {"height": 4, "width": 4, "size": 0}},
    ],
    ids=str,
)
def test_a_strangers_values_are_no_graph(change, tmp_path):
    graph = PatchGraph(
        torch.zeros(1, 4, 4, 2, dtype=torch.int64),
        torch.zeros(1, 4, 4, 2),
        PatchGrid(8, 8),
        PatchGrid(4, 4),
        2,
    )
    graph.save(tmp_path / "graph.pt")
    torch.save(torch.load(tmp_path / "graph.pt") | change, tmp_path / "bad.pt")
    with pytest.raises(ValueError, match=r"bad\.pt is not a saved PatchGraph"):
        PatchGraph.load(tmp_path / "bad.pt")


def test_failed_save_leaves_nothing(tmp_path):
    graph, *_ = image_graph()
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        graph.save(tmp_path / "file" / "graph.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_key_positions_name_the_pixels_that_were_compared():
    graph, queries, keys = image_graph()
    positions = graph.key_position()
    for i, j, r in [(0, 0, 0), (3, 5, 2), (7, 11, 1)]:
        y, x = positions[0, i, j, r].tolist()
        patch = queries[0, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        key = keys[0, :, y : y + 3, x : x + 3]
        if key.shape == patch.shape:  # the others reach into the padding
            distance = (patch - key).square().sum()
            torch.testing.assert_close(graph.distance[0, i, j, r], distance, rtol=1e-4, atol=1e-4)


def test_neighbours_come_nearest_first():
    graph, *_ = image_graph(k=4)
    assert (graph.distance.diff(dim=-1) >= 0).all()


def test_graph_moves_with_its_tensors():
    graph, *_ = image_graph()
    moved = graph.to("meta")
    assert moved.index.device.type == moved.distance.device.type == "meta"
    assert moved.query_grid == graph.query_grid


def test_index_must_fit_the_grid():
    with pytest.raises(ValueError, match=r"index must be \(N, 4, 4, k\).*got \(1, 3, 4, 2\)"):
        PatchGraph(torch.zeros(1, 3, 4, 2), torch.zeros(1), PatchGrid(8, 8), PatchGrid(4, 4), 2)
