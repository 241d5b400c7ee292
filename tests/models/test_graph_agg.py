"""GraphAgg as a whole against its textbook form, the golden cases and its own settings."""

import json

import numpy as np
import pytest
import torch
from speed_cases import textbook

from ignn_toolbox.models import Given, GraphAgg
from ignn_toolbox.ops import PatchGraph
from ignn_toolbox.registry import MODELS

RGB = {"type": "RGBEmbedder"}
CNN = {"type": "CNNEmbedder", "channels": 5}


def build(scale=2, embedder=RGB, channels=6, **options):
    torch.manual_seed(0)
    return GraphAgg(channels, scale, embedder, ecn_channels=8, **options)


def inputs(size, batch=2, channels=6):
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(batch, channels, *size, generator=generator)
    return features, torch.rand(batch, 3, *size, generator=generator)


@pytest.mark.parametrize("embedder", [RGB, CNN], ids=["frozen", "trained"])
@pytest.mark.parametrize(
    ("scale", "size", "options"),
    [
        (2, (12, 12), {}),
        (2, (21, 30), {"window": 3, "num_neighbors": 3}),
        (3, (31, 22), {"window_mode": "official", "window": 4}),
        (4, (27, 26), {"adapn": False, "num_neighbors": 2}),
    ],
)
def test_equals_the_textbook_with_gradients(scale, size, options, embedder):
    module = build(scale, embedder, **options)
    features, image = inputs(size)
    ours, theirs = [], []
    for call, results in (
        (module, ours),
        (lambda f, i: textbook.graph_agg(module, f, i), theirs),
    ):
        leaf = features.clone().requires_grad_()
        out = call(leaf, image)
        loss = out[0].square().mean() + out[1].square().mean()
        wanted = [leaf, *(p for p in module.parameters() if p.requires_grad)]
        results += [*out, *torch.autograd.grad(loss, wanted)]
    for mine, textbook_s in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, textbook_s, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("name", ["x2_24x24_w30_train", "x3_31x45_w4_eval", "x4_24x24_w30_eval"])
def test_lr_sum_equals_the_authors(name, golden_dir, tmp_path):
    from ignn_toolbox.zoo.importers import import_checkpoint

    golden = np.load(golden_dir / "ignn" / f"{name}.npz")
    meta = json.loads(str(golden["meta"]))
    state = {
        f"module.{key[2:]}": torch.from_numpy(golden[key]) for key in golden if key[:2] == "w/"
    }
    vgg = {k.replace("vggnet", "graph.embedcnn"): v for k, v in state.items() if "vggnet" in k}
    torch.save({"net_state_dict": state | vgg}, tmp_path / "IGNN.pth")
    network = import_checkpoint(
        tmp_path / "IGNN.pth", window=meta["window"], num_neighbors=meta["k"]
    )
    seen = {}
    network.aggregator.fuse.register_forward_pre_hook(lambda _, args: seen.update(lr=args[1]))
    image, down = (torch.from_numpy(golden[k]).float() / 255 for k in ("x", "x_son"))
    with torch.no_grad():
        network.aggregator(torch.from_numpy(golden["feat"]), image, given=Given(down))
    wanted = torch.from_numpy(golden["x1_lr"])
    torch.testing.assert_close(seen["lr"], wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("memory", ["low", None, 3_000_000])
def test_memory_setting_changes_rounding_only(memory, layout):
    features, image = inputs((80, 25), batch=1)
    features = features.contiguous(memory_format=layout)
    reference, module = build(memory="fast"), build(memory=memory)
    with torch.no_grad():
        for ours, theirs in zip(module(features, image), reference(features, image), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
        assert torch.equal(module.build_graph(image).index, reference.build_graph(image).index)
    gradients = []
    for network in (module, reference):
        out = network(features, image)
        loss = out[0].square().mean() + out[1].square().mean()
        gradients.append(torch.autograd.grad(loss, list(network.parameters())))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-7)


def test_impossible_memory_says_the_least_that_can():
    features, image = inputs((24, 25), batch=1)
    with pytest.raises(ValueError, match=r"memory=1000 bytes.*at least \d+ bytes"):
        build(memory=1000)(features, image)


def test_saved_graph_replaces_the_search(tmp_path):
    module = build(ecn=False)
    features, image = inputs((24, 25))
    module.build_graph(image).save(tmp_path / "graph.pt")
    graph = PatchGraph.load(tmp_path / "graph.pt")
    with torch.no_grad():
        torch.testing.assert_close(
            module(features, image, given=Given(graph=graph)),
            module(features, image),
            rtol=0,
            atol=0,
        )
        other = torch.rand(2, 3, 30, 30)
        with pytest.raises(ValueError, match="do not fit a graph of a 24x25 image"):
            module(torch.rand(2, 6, 30, 30), other, given=Given(graph=graph))


def test_without_ecn_near_neighbours_weigh_more():
    module = build(ecn=False, distance_divisor=0.5)
    _, image = inputs((16, 18), batch=1)
    graph = module.build_graph(image)
    weights = module.edge_weights(None, None, graph)[0]
    torch.testing.assert_close(weights.sum(1), torch.ones_like(weights[:, 0]))
    means = weights.mean((0, 2, 3))
    assert (means.diff() <= 0).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_keeps_the_neighbours_and_nearly_the_numbers(dtype):
    module = build(embedder=CNN)
    features, image = inputs((20, 21), batch=1)
    with torch.no_grad():
        plain = module(features, image)
        with torch.autocast("cpu", dtype=dtype):
            assert torch.equal(module.build_graph(image).index, module.build_graph(image).index)
            mixed = module(features, image)
    for ours, theirs in zip(mixed, plain, strict=True):
        assert (ours.float() - theirs).abs().mean() <= 0.02 * theirs.abs().mean()


def test_wrong_downsampled_image_is_refused():
    features, image = inputs((24, 25))
    with pytest.raises(ValueError, match=r"\(2, 3, 12, 13\) must be 1/2 of the \(2, 3, 24, 25\)"):
        build()(features, image, given=Given(torch.rand(2, 3, 12, 13)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 1}, "scale must be >= 2, got 1"),
        ({"distance_divisor": 0.0}, "distance_divisor must be positive"),
        ({"neighbors": "far"}, "'nearest' or 'random', got 'far'"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


@pytest.mark.slow
def test_one_compiled_program_serves_every_size():
    """Odd and even, wide and high; without a break."""
    from torch._dynamo.testing import CompileCounter

    graph = {"type": "GraphAgg", "channels": 4, "scale": 2, "embedder": RGB, "window": 4}
    network = MODELS.build(
        {"type": "EDSR", "scale": 2, "channels": 4, "num_blocks": 1, "aggregator": graph}
    ).eval()
    counter = CompileCounter()
    compiled = torch.compile(network, backend=counter, fullgraph=True)
    with torch.no_grad():
        for size in [(22, 30), (24, 40), (21, 26), (27, 30), (31, 28)]:
            image = torch.rand(1, 3, *size)
            torch._dynamo.maybe_mark_dynamic(image, (2, 3))
            torch.testing.assert_close(compiled(image), network(image), rtol=1e-4, atol=1e-5)
    assert counter.frame_count == 1


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["low", None])
def test_a_training_pass_is_one_graph(memory):
    """Without a break, and with the same gradients."""
    graph = {"type": "GraphAgg", "channels": 4, "scale": 2, "embedder": CNN, "window": 4}
    torch.manual_seed(0)
    network = MODELS.build(
        {
            "type": "EDSR",
            "scale": 2,
            "channels": 4,
            "num_blocks": 2,
            "aggregator": graph | {"memory": memory},
        }
    ).train()
    image, gradients = torch.rand(2, 3, 24, 26), []
    for call in (network, torch.compile(network, backend="aot_eager", fullgraph=True)):
        network.zero_grad()
        call(image).square().mean().backward()
        gradients.append([p.grad.clone() for p in network.parameters() if p.requires_grad])
    for eager, compiled in zip(*gradients, strict=True):
        torch.testing.assert_close(compiled, eager, rtol=1e-4, atol=1e-6)
