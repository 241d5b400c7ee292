"""Gathering, AdaPN, folding and summing against the textbook, values and gradients."""

import dataclasses
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from ignn_toolbox.ops import (
    PatchGraph,
    PatchGrid,
    Search,
    aggregate,
    edge_label,
    prepare_neighbors,
    reference,
    sum_neighbors,
    window_starts,
)
from ignn_toolbox.ops.memory import NeighborPlan
from ignn_toolbox.ops.patches import Region
from ignn_toolbox.ops.statistics import patch_statistics


def make_graph(batch, height, width, scale, k, size=3, stride=2, seed=0):
    """A graph of random neighbours: aggregation must not care how they were found."""
    queries = PatchGrid(height, width, size, stride)
    keys = PatchGrid(height // scale, width // scale, size, stride)
    generator = torch.Generator().manual_seed(seed)
    index = torch.randint(len(keys), (batch, queries.rows, queries.cols, k), generator=generator)
    return PatchGraph(index, torch.rand(index.shape, generator=generator), queries, keys, scale)


def randn(*shape, seed=0, dtype=torch.double):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@st.composite
def graphs(draw, smallest_size=1):
    size = draw(st.integers(smallest_size, 5))
    scale = draw(st.integers(1, 4))
    height, width = (
        draw(st.integers(size, 8)) * scale + draw(st.integers(0, scale - 1)) for _ in range(2)
    )
    return make_graph(
        draw(st.integers(1, 3)),
        height,
        width,
        scale,
        draw(st.integers(1, 3)),
        size,
        draw(st.integers(1, size)),
        draw(st.integers(0, 2**31)),
    )


def features_of(graph, channels=3, dtype=torch.double):
    grid = graph.query_grid
    return randn(len(graph.index), channels, grid.height, grid.width, seed=1, dtype=dtype)


@settings(max_examples=40, deadline=None)
@given(graphs(smallest_size=2))
def test_aggregate_equals_the_textbook(graph):
    features = features_of(graph)
    fast, slow = aggregate(features, graph), reference.aggregate(features, graph)
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_aggregate_without_adapn_equals_the_textbook(graph):
    features = features_of(graph)
    fast = aggregate(features, graph, adapn=False)
    torch.testing.assert_close(fast, reference.aggregate(features, graph, adapn=False))


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_edge_label_equals_the_textbook(graph):
    grid, keys = graph.query_grid, graph.key_grid
    e_l = randn(len(graph.index), 4, grid.height, grid.width)
    e_s = randn(len(graph.index), 4, keys.height, keys.width, seed=2)
    slow = reference.edge_labels(e_l, e_s, graph)
    torch.testing.assert_close(edge_label(e_l, e_s, graph), slow)
    last = slice(graph.num_neighbors - 1, None)
    torch.testing.assert_close(edge_label(e_l, e_s, graph, last), slow[:, last])


PLANS = [
    NeighborPlan(band=5, keep=False),
    NeighborPlan(band=None, keep=True),
    NeighborPlan(band=4, keep=False, together=2),
    NeighborPlan(band=10**6, keep=True, together=3),
]


class Embedding(torch.nn.Module):
    """Stands for DEN: strided and nonlinear; an output pixel sees its neighbours."""

    halo = 1

    def __init__(self, channels, scale):
        super().__init__()
        self.conv = torch.nn.Conv2d(channels, channels + 1, 3, stride=scale, padding=1)
        with torch.no_grad():
            for n, parameter in enumerate(self.conv.parameters()):
                parameter.copy_(randn(*parameter.shape, seed=20 + n))

    def forward(self, maps):
        return torch.tanh(self.conv(maps))


def weighted_sums(features, graph, weights_lr, weights_hr, embed, adapn=True):
    """Equation 2, written out."""
    maps = reference.aggregate(features, graph, adapn=adapn)
    lr = sum(embed(maps[:, r]) * weights_lr[:, r, None] for r in range(maps.shape[1]))
    upsampled = F.interpolate(weights_hr, scale_factor=graph.scale, mode="nearest")
    return lr, (maps * upsampled[:, :, None]).sum(1)


def weights_of(graph, seed):
    grid = graph.query_grid
    shape = (len(graph.index), graph.num_neighbors, grid.height, grid.width)
    return randn(*shape, seed=seed).softmax(1).requires_grad_()


@settings(max_examples=20, deadline=None)
@given(graphs(smallest_size=2), st.sampled_from(PLANS), st.booleans())
def test_sum_neighbors_equals_the_textbook_with_gradients(graph, plan, adapn):
    embed = Embedding(3, graph.scale).double()
    inputs = (features_of(graph).requires_grad_(), weights_of(graph, 3), weights_of(graph, 4))
    neighbors = prepare_neighbors(inputs[0], graph, adapn=adapn)
    parameters = list(embed.parameters())
    fast = sum_neighbors(neighbors, *inputs[1:], embed, halo=embed.halo, plan=plan)
    slow = weighted_sums(inputs[0], graph, *inputs[1:], embed, adapn)
    upstream = [randn(*out.shape, seed=5) for out in slow]
    for ours, theirs in zip(fast, slow, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    wanted = [*inputs, *parameters]
    ours = torch.autograd.grad(fast, wanted, upstream)
    theirs = torch.autograd.grad(slow, wanted, upstream)
    for mine, textbook in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, textbook, rtol=1e-7, atol=1e-9)
    with torch.no_grad():
        plain = sum_neighbors(neighbors, *inputs[1:], embed, halo=embed.halo, plan=plan)
    for without, ours in zip(plain, fast, strict=True):
        torch.testing.assert_close(without, ours, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize(("scale", "adapn"), [(2, True), (3, True), (2, False)])
def test_sum_neighbors_passes_gradcheck(scale, adapn, plan):
    graph = make_graph(1, 3 * scale, 4 * scale + 1, scale, 2)
    embed = Embedding(2, scale).double()

    def run(features, weights_lr, weights_hr, *parameters):
        neighbors = prepare_neighbors(features, graph, adapn=adapn)
        return sum_neighbors(neighbors, weights_lr, weights_hr, embed, halo=embed.halo, plan=plan)

    features = features_of(graph, channels=2).requires_grad_()
    inputs = (features, weights_of(graph, 3), weights_of(graph, 4), *embed.parameters())
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)


def test_edge_label_passes_gradcheck():
    graph = make_graph(1, 7, 8, 2, 2)
    e_l, e_s = randn(1, 2, 7, 8).requires_grad_(), randn(1, 2, 3, 4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda q, a: edge_label(q, a, graph), (e_l, e_s))


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("band", [1, 4, 13])
def test_bands_and_layout_change_the_sums_by_rounding_only(band, memory_format):
    graph = make_graph(2, 13, 14, 2, 3)
    embed = Embedding(3, 2).float()
    neighbors = prepare_neighbors(features_of(graph, dtype=torch.float), graph)
    weights = [weights_of(graph, seed).detach().float() for seed in (3, 4)]

    @torch.no_grad()
    def run(band, memory_format):
        return sum_neighbors(
            neighbors,
            *weights,
            embed,
            halo=embed.halo,
            plan=NeighborPlan(band, keep=False),
            memory_format=memory_format,
        )

    sums = run(band, memory_format)
    assert sums[1].is_contiguous(memory_format=memory_format)
    for first, second in zip(sums, run(None, torch.channels_last), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(graphs(smallest_size=2), st.data())
def test_a_region_equals_that_part_of_the_whole_map(graph, data):
    grid = graph.query_grid
    top, left = (data.draw(st.integers(0, n - 1)) for n in (grid.height, grid.width))
    height = data.draw(st.integers(1, grid.height - top))
    width = data.draw(st.integers(1, grid.width - left))
    neighbors = prepare_neighbors(features_of(graph), graph)
    part = neighbors.fold(region=Region(top, left, height, width))
    whole = neighbors.fold()[:, :, top : top + height, :, left : left + width]
    torch.testing.assert_close(part, whole, rtol=0, atol=0)


@settings(max_examples=15, deadline=None)
@given(graphs(smallest_size=2), st.sampled_from([torch.bfloat16, torch.float16]))
def test_half_precision_stays_within_its_rounding(graph, dtype):
    features = features_of(graph, dtype=torch.float).to(dtype)
    half = aggregate(features, graph)
    exact = reference.aggregate(features.double(), graph)
    assert half.dtype == dtype
    # neighbours of little texture are magnified by the query's deviation over their own
    keys = F.pixel_unshuffle(
        features.double()[
            ..., : graph.key_grid.height * graph.scale, : graph.key_grid.width * graph.scale
        ],
        graph.scale,
    )
    error = (half.double() - exact).abs()
    allowed = 64 * torch.finfo(dtype).eps * (1 + exact.abs() + keys.abs().max())
    assert (error <= allowed).float().mean() > 0.98


def test_batches_do_not_matter_bit_for_bit():
    graph = make_graph(3, 21, 26, 2, 2)
    features = features_of(graph, channels=8, dtype=torch.float)
    together = aggregate(features, graph)
    for n in range(3):
        one = dataclasses.replace(
            graph, index=graph.index[n : n + 1], distance=graph.distance[n : n + 1]
        )
        assert torch.equal(aggregate(features[n : n + 1], one)[0], together[n])


def test_strips_leave_no_seam():
    """A map much larger than one strip equals the textbook everywhere."""
    graph = make_graph(1, 45, 94, 2, 1)
    features = features_of(graph, channels=64, dtype=torch.float)
    slow = reference.aggregate(features, graph)
    torch.testing.assert_close(aggregate(features, graph), slow, rtol=1e-4, atol=1e-4)


def test_constant_features_stay_constant():
    graph = make_graph(1, 11, 13, 2, 2)
    features = torch.full((1, 2, 11, 13), 0.7, dtype=torch.double)
    keys = graph.key_grid
    # neighbours that hold zero padding are not constant: choose among the others
    clean = (keys.width - keys.size) // keys.stride + 1
    row = torch.zeros_like(graph.index)
    graph = dataclasses.replace(graph, index=row + graph.index % clean)
    out = aggregate(features, graph)
    inner = out[..., : 2 * 9, : 2 * 11]  # the last query patches hold padding
    torch.testing.assert_close(inner, torch.full_like(inner, 0.7))


def test_same_scale_neighbour_that_is_the_query_gives_the_map_back():
    grid = PatchGrid(9, 12)
    own = torch.arange(len(grid)).view(1, grid.rows, grid.cols, 1)
    graph = PatchGraph(own, torch.zeros(own.shape), grid, grid, 1)
    features = features_of(graph)
    torch.testing.assert_close(aggregate(features, graph)[:, 0], features)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (torch.zeros(1, 3, 12, 14), r"\(1, 3, 12, 14\) do not fit a graph of a 12x13 image"),
        (torch.zeros(2, 3, 12, 13), "features have batch 2, the graph has batch 1"),
        (torch.zeros(3, 12, 13), "do not fit"),
        (torch.zeros(1, 3, 12, 13, device="meta"), r"use graph.to\(\)"),
    ],
)
def test_features_of_another_image_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        prepare_neighbors(features, make_graph(1, 12, 13, 2, 1))


def test_single_pixel_patches_have_no_deviation():
    graph = make_graph(1, 6, 6, 1, 1, size=1, stride=1)
    with pytest.raises(ValueError, match="adapn"):
        aggregate(features_of(graph), graph)


def test_keys_beyond_the_features_are_refused():
    graph = make_graph(1, 12, 13, 2, 1)
    wrong = dataclasses.replace(graph, scale=3)
    with pytest.raises(ValueError, match="6x6 map at scale 3 reach beyond the 12x13"):
        prepare_neighbors(torch.zeros(1, 3, 12, 13), wrong)


@pytest.mark.parametrize("case", ["small", "unit"])
def test_adapn_equals_the_authors_code(case, shared_dir):
    """Patches without variance included."""
    golden = np.load(shared_dir / "golden" / "ignn" / "adapn.npz")
    query, neighbors, wanted = (
        torch.from_numpy(golden[f"{case}_{name}"]) for name in ("query", "knn", "out")
    )
    scale = round((neighbors.shape[3] / 9) ** 0.5)
    q_mean, q_std = patch_statistics(query.flatten(0, 1).mT.reshape(-1, 3, 3, 1, 1, 3), 3, 2)
    q_mean, q_std = (t.view(*query.shape[:3], 1) for t in (q_mean, q_std))
    for r in range(neighbors.shape[-1]):
        z = neighbors[..., r]
        blocks = z.flatten(0, 1).mT.reshape(-1, 3, 3, scale, scale, 3)
        mean, std = (t.view_as(q_mean) for t in patch_statistics(blocks, 3, 2))
        ours = (z - mean) / std * q_std + q_mean
        torch.testing.assert_close(ours, wanted[..., r], rtol=1e-5, atol=1e-4)


class Golden:
    """Intermediate results of the authors' code."""

    def __init__(self, path):
        self.arrays = np.load(path)
        self.meta = json.loads(str(self.arrays["meta"]))
        self.graph_scale = 3 if self.meta["scale"] == 3 else 2

    def __getitem__(self, name):
        return torch.from_numpy(self.arrays[name])

    def __contains__(self, name):
        return name in self.arrays

    @property
    def graph(self):
        queries = PatchGrid(*self["x"].shape[-2:])
        keys = PatchGrid(*self["x_son"].shape[-2:])
        index = self["idx_k"].long().unflatten(1, (queries.rows, queries.cols))
        distance = self["dist_k"].view(index.shape)
        return PatchGraph(index, distance, queries, keys, self.graph_scale)

    def embed(self, image):
        mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
        x = (image.float() / 255 - mean) / std
        for layer in (0, 2):
            x = F.conv2d(
                x,
                self[f"w/vggnet.model.{layer}.weight"],
                self[f"w/vggnet.model.{layer}.bias"],
                padding=1,
            ).relu()
        return x

    def check(self, name, ours, tolerance):
        """Compare with a map that is stored whole, or subsampled beside its sums."""
        if name in self:
            torch.testing.assert_close(ours, self[name], rtol=1e-4, atol=tolerance)
            return
        step = self.meta["sub"]
        part = self[f"{name}_sub"]
        torch.testing.assert_close(ours[..., ::step, ::step], part, rtol=1e-4, atol=tolerance)
        sums = ours.double().sum((-1, -2))
        torch.testing.assert_close(
            sums, self[f"{name}_sum"], rtol=1e-4, atol=tolerance * ours[0, 0].numel()
        )


@pytest.mark.parametrize("name", ["x3_31x45_w4_eval", "x2_31x45_w4_eval"])
def test_official_windows_are_the_authors(name, golden_dir, request):
    folder = golden_dir / "ignn"
    if not (folder / f"{name}.npz").is_file():
        folder = request.getfixturevalue("shared_dir") / "golden" / "ignn"
    golden = Golden(folder / f"{name}.npz")
    graph, window = golden.graph, golden.meta["window"]
    how = Search(graph.scale, window=window, window_mode="official")
    starts = window_starts(graph.query_grid, graph.key_grid, how)
    assert starts[2:] == (golden["win_r0"].tolist(), golden["win_c0"].tolist())


@pytest.mark.parametrize(
    "name",
    [
        "x2_16x20_full_dense",
        "x2_31x45_w4_eval",
        "x2_31x45_w4_noadapn",
        "x3_31x45_w4_eval",
        "x3_50x38_w30_eval",
        "x4_37x41_w6_k3_b2_train",
    ],
)
def test_operators_equal_the_authors_code(name, shared_dir):
    golden = Golden(shared_dir / "golden" / "ignn" / f"{name}.npz")
    graph = golden.graph
    e_l, e_s = golden.embed(golden["x"]), golden.embed(golden["x_son"])
    labels = edge_label(e_l, e_s, graph).flatten(1, 2)
    upsampled = F.interpolate(labels, scale_factor=graph.scale)
    golden.check("diff_patch", upsampled, 1e-4)
    maps = aggregate(golden["feat"], graph, adapn=golden.meta.get("adain", True))
    golden.check("knn_hr", maps.flatten(1, 2), 1e-3)
