"""ONNX files in onnxruntime: same numbers at any size, ties as promised, faults named."""

import numpy as np
import pytest
import torch

from ignn_toolbox.apis import init_model
from ignn_toolbox.export import ExportError, export_onnx, onnx_parity
from ignn_toolbox.export.onnx import TOLERANCE, onnx_session
from ignn_toolbox.models import Network, NetworkSpec
from ignn_toolbox.ops import Search, imresize, search
from ignn_toolbox.registry import MODELS
from ignn_toolbox.visualization.demo import pictures

pytestmark = pytest.mark.extras


@pytest.fixture(autouse=True)
def _installed(extra) -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        extra(name)


@pytest.fixture(scope="module")
def ignn(tmp_path_factory):
    """ignn_tiny_x2 and the file that the command writes of it."""
    from ignn_toolbox.cli import main

    path = tmp_path_factory.mktemp("onnx") / "ignn.onnx"
    assert main(["export", "ignn_tiny_x2", "--onnx", str(path)]) == 0
    return init_model("ignn_tiny_x2").network, path


def test_ignn_has_the_numbers_of_torch(ignn):
    network, path = ignn
    found = onnx_parity(network, path)
    assert {(parity.height, parity.width) for parity in found} == {(64, 64), (65, 48), (41, 95)}
    assert max(parity.difference for parity in found) < TOLERANCE / 20


@pytest.mark.parametrize("size", [(12, 12), (13, 140), (97, 12), (131, 88)])
def test_ignn_takes_pictures_of_any_size(ignn, size):
    network, path = ignn
    lq = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network(lq).numpy()
    (sr,) = onnx_session(path, 1).run(None, {"lq": lq.numpy()})
    np.testing.assert_allclose(sr, expected, atol=TOLERANCE, rtol=0)


def test_ignn_on_a_photograph(ignn):
    network, path = ignn
    (_, photograph), _ = pictures([])
    lq = torch.from_numpy(photograph[100:260, 120:280].copy()).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        expected = network(lq).numpy()
    (sr,) = onnx_session(path, 1).run(None, {"lq": lq.numpy()})
    # among neighbours at almost equal distance either may be taken
    assert np.abs(sr - expected).max() < 1e-3
    assert (np.abs(sr - expected) < 1e-5).mean() > 0.999


def test_a_file_says_what_it_is(ignn):
    given = onnx_session(ignn[1], 1).get_modelmeta().custom_metadata_map
    assert given["model"] == "ignn_tiny_x2"
    assert given["scale"] == "2"
    assert given["min_size"] == "12"
    assert "non-commercial" in given["licence"]


class _Search(Network):
    spec = NetworkSpec(2, min_size=12)

    def run(self, lq, go):
        return search(lq, lq[..., ::2, ::2], Search(2, 4, 6)).index.to(lq.dtype)


def test_among_equal_distances_the_lower_number_wins(tmp_path):
    export_onnx(_Search(), tmp_path / "search.onnx", {})
    flat = np.full((1, 3, 41, 53), 0.25, np.float32)  # odd, so that no patch reaches over
    (index,) = onnx_session(tmp_path / "search.onnx", 1).run(None, {"lq": flat})
    assert (index == index[..., :1] + np.arange(4)).all()
    assert index[0, 0, 0, 0] == 0
    assert len(np.unique(index[..., 0])) > 20  # windows move


@pytest.mark.parametrize(
    "config",
    [
        {"type": "RCAN", "num_groups": 1, "num_blocks": 2, "reduction": 4, "scale": 3},
        {"type": "EDSR", "num_blocks": 2, "scale": 4, "compact": True},
        {"type": "EDSR", "num_blocks": 2, "aggregator": {"type": "NonLocal", "channels": 8}},
        {
            "type": "EDSR",
            "num_blocks": 2,
            "aggregator": {
                "type": "SameScaleKNN",
                "channels": 8,
                "embedder": {"type": "CNNEmbedder", "channels": 4},
                "num_neighbors": 2,
                "window": 9,
            },
        },
    ],
    ids=["RCAN x3", "EDSR x4", "NonLocal", "SameScaleKNN"],
)
def test_other_networks(config, tmp_path):
    torch.manual_seed(0)
    network = MODELS.build({"scale": 2, "channels": 8} | config).eval()
    export_onnx(network, tmp_path / "other.onnx", {})
    found = onnx_parity(network, tmp_path / "other.onnx")
    assert max(parity.difference for parity in found) < TOLERANCE


def test_random_neighbours_are_refused(tmp_path):
    embedder = {"type": "RGBEmbedder"}
    graph = {"type": "GraphAgg", "channels": 8, "scale": 2, "embedder": embedder}
    graph["neighbors"] = "random"
    network = MODELS.build({"type": "EDSR", "scale": 2, "channels": 8, "aggregator": graph}).eval()
    with pytest.raises(ExportError, match="neighbors='random' is a control"):
        export_onnx(network, tmp_path / "a.onnx", {})


@pytest.mark.filterwarnings("ignore:VGGEmbedder")
def test_an_embedder_gets_its_weights_before_it_is_traced(tmp_path):
    embedder = {"type": "VGGEmbedder", "weights": "none.pth"}
    graph = {"type": "GraphAgg", "channels": 8, "scale": 2, "embedder": embedder}
    network = MODELS.build({"type": "EDSR", "scale": 2, "channels": 8, "aggregator": graph}).eval()
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        export_onnx(network, tmp_path / "a.onnx", {})


@torch.library.custom_op("ignn_tests::strange", mutates_args=())
def strange(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


@strange.register_fake
def _(x):
    return torch.empty_like(x)


class _Strange(Network):
    spec = NetworkSpec(1)

    def run(self, lq, go):
        return strange(lq)


class _Branching(Network):
    spec = NetworkSpec(1)

    def run(self, lq, go):
        return lq * 2 if lq.mean() > 0 else lq


class _Resizing(Network):
    spec = NetworkSpec(1)

    def run(self, lq, go):
        return imresize(lq, 1.5)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (_Strange(), "_Strange cannot be exported: its operator `ignn_tests.strange`"),
        (_Branching(), "_Branching cannot be exported: it cannot be traced"),
        (
            _Resizing(),
            "_Resizing cannot be exported: its bicubic resizing by 1.5 has no form in ONNX",
        ),
    ],
)
def test_what_onnx_lacks_is_named_and_nothing_is_left(network, message, tmp_path):
    with pytest.raises(ExportError, match=message):
        export_onnx(network, tmp_path / "a.onnx", {})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_differs_is_not_kept(cli, tmp_path, tiny_checkpoint, monkeypatch):
    from ignn_toolbox.export import onnx

    def careless(network, path, metadata):
        path.write_bytes(b"something")

    monkeypatch.setattr(onnx, "export_onnx", careless)
    monkeypatch.setattr(onnx, "onnx_parity", lambda *_: [onnx.Parity(64, 64, float("nan"))])
    status, _, err = cli("export", tiny_checkpoint, "--onnx", tmp_path / "a.onnx")
    assert status == 1
    assert "differs by more than 0.0001" in err
    assert list(tmp_path.iterdir()) == []
