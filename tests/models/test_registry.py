"""What every registered network and module keeps to: a new one is tested by being registered.

Its smallest form stands in `tiny`, the names and shapes of its tensors in
``tests/data/state_dicts.json`` (``python tests/models/test_registry.py`` writes the file anew).
"""

import copy
import json
from pathlib import Path

import pytest
import torch

from ignn_toolbox.export import ExportError
from ignn_toolbox.models.embedders.frozen import FrozenEmbedder
from ignn_toolbox.models.spec import Outputs
from ignn_toolbox.models.steps import Network
from ignn_toolbox.registry import MODELS
from ignn_toolbox.restore.exact import restore_exactly
from ignn_toolbox.restore.tiles import MapStore, TileRun

try:
    from . import tiny
except ImportError:  # run as a program
    import tiny  # type: ignore[no-redef]

CPU = torch.device("cpu")
STORED = Path(__file__).parents[1] / "data" / "state_dicts.json"
ALL = {**tiny.NETWORKS, **tiny.AGGREGATORS, **tiny.EMBEDDERS, **tiny.LOSSES}
networks = pytest.mark.parametrize("name", tiny.NETWORKS)


def build(name, seed=0):
    """A component in its smallest form; layers that start at zero do not, or they would hide."""
    torch.manual_seed(seed)
    module = MODELS.build({"type": name, **ALL[name]})
    for parameter in module.parameters():
        if parameter.requires_grad and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return module


def pictures(network, count=1, odd=True, seed=1):
    """Noise of the network's channels: of odd sides, or of the least that it takes."""
    spec = network.spec
    height, width = (spec.min_size,) * 2
    if odd:
        multiple = spec.multiple_of
        height, width = (max(n, spec.min_size + 1) | 1 for n in (13 + multiple, 10 + multiple))
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, spec.channels[0], height, width, generator=generator)


def test_all_that_is_registered_has_a_small_form():
    MODELS.import_from_location()
    ours = {  # other tests register modules of a user's
        name: component
        for name, component in MODELS.module_dict.items()
        if component.__module__.startswith("ignn_toolbox.") and name not in tiny.ELSEWHERE
    }
    assert set(ALL) | tiny.AROUND == set(ours)
    kinds = {name for name, component in ours.items() if issubclass(component, Network)}
    assert kinds == set(tiny.NETWORKS)


@networks
def test_forward_and_backward(name):
    network, lq = build(name).train(), pictures(build(name), 2).requires_grad_()
    out, scales = network(lq), (network.spec.scale,)
    made = [out]
    if isinstance(out, Outputs):
        made, scales = [*out.earlier, out.sr], network.spec.outputs
    height, width = lq.shape[-2:]
    for image, scale in zip(made, scales, strict=True):
        assert image.shape == (2, network.spec.channels[1], scale * height, scale * width)
        assert image.isfinite().all()
    trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
    if trained:
        sum(image.square().mean() for image in made).backward()
        without = [n for n, p in trained.items() if p.grad is None]
        assert without == [], "no gradient reaches these"
        assert all(p.grad.isfinite().all() for p in trained.values())


@networks
@torch.inference_mode()
def test_spec_tells_the_truth(name):
    network = build(name).eval()
    spec, least = network.spec, pictures(network, odd=False)
    sr = network(least)
    assert isinstance(sr, torch.Tensor), "several outputs are for training"
    assert sr.shape == (1, spec.channels[1], *(spec.scale * n for n in least.shape[-2:]))
    assert sr.isfinite().all()
    with pytest.raises(ValueError, match=f"takes {spec.channels[0]} channels"):
        network(torch.rand(1, spec.channels[0] + 1, 40, 40))
    if spec.min_size > 1:
        with pytest.raises(ValueError, match="too small for this network"):
            network(least[..., 1:])
    grey = torch.full((1, spec.channels[0], 24, 24), 0.5)
    assert network(grey).isfinite().all(), "a constant picture"


@networks
@torch.inference_mode()
def test_a_picture_does_not_depend_on_its_neighbours_in_the_batch(name):
    network = build(name).eval()
    batch = pictures(network, 2)
    single = torch.cat([network(lq[None]) for lq in batch])
    torch.testing.assert_close(network(batch), single, rtol=0, atol=1e-5)


@networks
@torch.inference_mode()
def test_evaluation_is_repeatable_and_train_comes_back_from_it(name):
    network = build(name).eval()
    lq = pictures(network)
    first = network(lq)
    assert torch.equal(first, network(lq))
    again = network.train().eval()(lq)
    assert torch.equal(first, again)
    torch.testing.assert_close(copy.deepcopy(network)(lq), first, rtol=0, atol=0)


@networks
@torch.inference_mode()
def test_state_dict_is_all_of_it(name):
    network, other = build(name).eval(), build(name, seed=7).eval()
    missing, unexpected = other.load_state_dict(network.state_dict())
    assert not missing
    assert not unexpected
    lq = pictures(network)
    assert torch.equal(network(lq), other(lq))


def shapes(name):
    return {key: list(value.shape) for key, value in build(name).state_dict().items()}


def test_names_and_shapes_of_tensors_are_the_stored_ones():
    """Checkpoints are kept: a tensor that moves or is renamed breaks every one of them."""
    stored = json.loads(STORED.read_text())
    found = {name: shapes(name) for name in ALL}
    assert found == stored, f"if they are meant to differ: python {Path(__file__).name}"


@pytest.mark.parametrize("name", tiny.AGGREGATORS)
def test_aggregators_have_two_halves_that_are_the_whole(name):
    aggregator = build(name).train()
    lq, features = torch.rand(2, 3, 22, 18), torch.randn(2, 4, 22, 18, requires_grad=True)
    results = aggregator(features, lq)
    results = results if isinstance(results, tuple) else (results,)
    for result, scale in zip(results, aggregator.scales, strict=True):
        assert result.shape[-2:] == (scale * 22, scale * 18)
    sum(result.square().mean() for result in results).backward()
    assert features.grad.isfinite().all()
    assert features.grad.any()
    assert [n for n, p in aggregator.named_parameters() if p.requires_grad and p.grad is None] == []


@pytest.mark.parametrize("name", tiny.EMBEDDERS)
@pytest.mark.filterwarnings("ignore:VGGEmbedder")
def test_embedders_keep_the_size_and_see_no_further_than_they_say(name):
    embedder = build(name).eval()
    if isinstance(embedder, FrozenEmbedder):
        embedder.load_state_dict(embedder.state_dict())
        assert not any(p.requires_grad for p in embedder.train().parameters())
    image = torch.rand(2, 3, 15, 17)
    found = embedder(image).clone()
    assert found.shape == (2, embedder.channels, 15, 17)
    image[:, :, 7, 8] += 0.5
    rows, cols = (embedder(image) != found).any(0).any(0).nonzero().unbind(1)
    halo = embedder.reach().halo
    assert rows.min() >= 7 - halo
    assert rows.max() <= 7 + halo
    assert cols.min() >= 8 - halo
    assert cols.max() <= 8 + halo


@pytest.mark.parametrize("name", tiny.LOSSES)
def test_losses_are_zero_at_the_truth_and_grow_away_from_it(name):
    loss, gt = build(name), torch.rand(2, 1, 9, 8)
    at, near, far = (float(loss(gt + off, gt)) for off in (0.0, 0.1, 0.3))
    assert at <= 1e-3 + 1e-9  # Charbonnier's floor
    assert at < near < far
    sr = (gt + 0.1).requires_grad_()
    loss(sr, gt).backward()
    assert sr.grad.isfinite().all()
    assert sr.grad.sum() > 0
    with pytest.raises(ValueError, match="differ in shape"):
        loss(gt[..., 1:], gt)


@pytest.mark.slow
@networks
@torch.inference_mode()
def test_tiles_are_the_whole(name):
    network = build(name).eval()
    generator = torch.Generator().manual_seed(2)
    for size, tile, limit in (((41, 33), 19, 2**30), ((24, 50), 25, 0)):  # in memory and in files
        size = tuple(max(n, network.spec.min_size) for n in size)
        lq = torch.rand(1, network.spec.channels[0], *size, generator=generator)
        tiled = restore_exactly(network, lq, TileRun(tile, pytest.fail), MapStore(limit, CPU))
        whole = network(lq)
        largest = max(1.0, float(whole.abs().max()))
        torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-5 * largest)


@pytest.mark.slow
@networks
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_one_graph_is_traced(name, training):
    network = build(name).train(training)
    lq = pictures(network)
    torch.compiler.reset()
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    if network.spec.not_traced:
        with pytest.raises(torch._dynamo.exc.Unsupported):
            compiled(lq)
        return
    with torch.set_grad_enabled(training):
        expected = copy.deepcopy(network)(lq)
        found = compiled(lq)
    expected, found = (o.sr if isinstance(o, Outputs) else o for o in (expected, found))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.slow
@networks
@pytest.mark.extras
def test_onnx_file_gives_the_same(name, extra, tmp_path):
    extra("onnxruntime")
    from ignn_toolbox.export.onnx import TOLERANCE, export_onnx, onnx_parity

    network = build(name).eval()
    file = tmp_path / "network.onnx"
    if network.spec.not_exported:
        with pytest.raises(ExportError, match=network.spec.not_exported):
            export_onnx(network, file, {})
        return
    export_onnx(network, file, {})
    assert max(parity.difference for parity in onnx_parity(network, file)) <= TOLERANCE


@pytest.mark.slow
@networks
@torch.inference_mode()
def test_reduced_precision_stays_close(name):
    network = build(name).eval()
    lq = pictures(network)
    for precision in sorted(network.spec.precisions):
        with torch.autocast("cpu", dtype=getattr(torch, precision)):
            found = network(lq)
        assert (found.float() - network(lq)).abs().max() <= 0.02 * network(lq).abs().max()


if __name__ == "__main__":
    tensors = {name: shapes(name) for name in ALL}
    STORED.write_text(json.dumps(tensors, indent=1, sort_keys=True) + "\n")
