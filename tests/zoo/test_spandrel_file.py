"""`spandrel:FILE`: other code's networks with their own numbers, tiled exactly where possible.

A stand-in for torchvision, of which spandrel's plain architectures use nothing, is enough.
"""

import importlib
import json
import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from ignn_toolbox.images import write_image
from ignn_toolbox.models import NetworkSpec
from ignn_toolbox.models.probe import probed_halo
from ignn_toolbox.restore import SRInferencer
from ignn_toolbox.restore.runner import TiledRestorer
from ignn_toolbox.zoo.loading import init_model

MAKERS = {
    "compact": ("Compact.__arch.SRVGG", "SRVGGNetCompact", dict(num_feat=8, num_conv=3, upscale=2)),
    "esrgan": ("ESRGAN.__arch.RRDB", "RRDBNet", dict(num_filters=8, num_blocks=1, scale=2)),
    "swinir": (
        "SwinIR.__arch.SwinIR",
        "SwinIR",
        dict(
            upscale=2,
            img_size=16,
            window_size=8,
            depths=[2],
            embed_dim=12,
            num_heads=[2],
            upsampler="pixelshuffledirect",
        ),
    ),
}


@pytest.fixture
def spandrel(extra, monkeypatch):
    """spandrel, over a torchvision that holds no more than the names that it imports."""
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
    modules = {name: ModuleType(name) for name in names}
    functional = modules[names[-1]]
    functional.InterpolationMode = functional.rotate = functional.normalize = None
    for name, module in modules.items():
        if name not in sys.modules:
            monkeypatch.setitem(sys.modules, name, module)
    return extra("spandrel")


@pytest.fixture
def file(spandrel, tmp_path):
    """Writes the weights of a small network of a kind, and returns them with the network."""

    def make(kind):
        module, name, options = MAKERS[kind]
        torch.manual_seed(0)
        made = getattr(importlib.import_module(f"spandrel.architectures.{module}"), name)(**options)
        path = tmp_path / f"{kind}.pth"
        torch.save({"params_ema": made.state_dict()}, path)
        return path, made.eval()

    return make


@pytest.mark.extras
@pytest.mark.parametrize("kind", MAKERS)
@torch.no_grad()
def test_numbers_are_the_networks_own(file, spandrel, kind) -> None:
    path, made = file(kind)
    network = init_model(f"spandrel:{path}").network
    lq = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    assert network.spec.scale == 2
    torch.testing.assert_close(network(lq), made(lq).clamp(0, 1), rtol=0, atol=1e-6)


@pytest.mark.extras
@pytest.mark.parametrize("kind", ["compact", "esrgan"])
@torch.no_grad()
def test_tiles_are_exact_where_the_reach_is_found(file, kind) -> None:
    path, _ = file(kind)
    network = init_model(f"spandrel:{path}").network
    restore, said = TiledRestorer(network, network, tile=24), []
    restore.report = said.append
    lq = torch.rand(1, 3, 70, 55, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(restore(lq), network(lq), rtol=0, atol=1e-5)
    assert said == []


@pytest.mark.extras
@torch.no_grad()
def test_tiles_overlap_with_a_warning_where_it_is_not(file) -> None:
    path, _ = file("swinir")
    network = init_model(f"spandrel:{path}").network
    restore, said = TiledRestorer(network, network, tile=24), []
    restore.report = said.append
    restored = restore(torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(0)))
    assert restored.shape == (1, 3, 80, 112)
    assert said == [
        "tiles of 24 pixels overlap: it is not known how far this network looks, so their numbers "
        "are not quite those of the whole picture"
    ]


@pytest.mark.extras
def test_commands_take_it(file, cli, tmp_path) -> None:
    path, _ = file("compact")
    pixels = np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)
    write_image(tmp_path / "bench" / "Set5" / "a.png", pixels)
    words = ("-o", tmp_path / "b.png", "--model", f"spandrel:{path}", "--device", "cpu")
    status, _, err = cli("upscale", tmp_path / "bench" / "Set5" / "a.png", *words)
    assert status == 0, err
    out = tmp_path / "results"
    words = ("--data-root", tmp_path, "--sets", "Set5", "--out", out, "--save-images")
    status, text, err = cli("test", f"spandrel:{path}", *words)
    assert status == 0, err
    results = json.loads((out / "results.json").read_text())
    assert results["model"] == "compact"
    assert (out / "images" / "Set5" / "a.png").is_file()
    status, _, err = cli("report", out, "-o", tmp_path / "page")
    assert status == 0, err


@pytest.mark.extras
def test_what_spandrel_does_not_know_is_named(spandrel, tmp_path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(3)}}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="other.pth holds no network that spandrel .* knows"):
        init_model(f"spandrel:{tmp_path / 'other.pth'}")
    with pytest.raises(FileNotFoundError, match="none.pth"):
        SRInferencer("spandrel:none.pth")


def test_without_spandrel_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(ValueError, match=r"needs the package spandrel .*ignn_toolbox\[spandrel\]"):
        init_model("spandrel:some.pth")


class Square(torch.nn.Module):
    """Looks as far as its convolutions, or everywhere, or in windows that begin at multiples."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.convs = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 5, padding=2),
            torch.nn.ReLU(),
            torch.nn.Conv2d(4, 12, 3, padding=2, dilation=2),
            torch.nn.PixelShuffle(2),
        )

    def forward(self, x):
        if self.kind == "mean":
            x = x - x.mean((2, 3), keepdim=True)
        if self.kind == "windows":
            height, width = x.shape[-2:]
            pooled = torch.nn.functional.avg_pool2d(x, 4, ceil_mode=True)
            pooled = pooled.repeat_interleave(4, 2).repeat_interleave(4, 3)
            x = x - pooled[..., :height, :width]
        return self.convs(x)


@pytest.mark.parametrize(("kind", "halo"), [("convs", 4), ("mean", None), ("windows", None)])
def test_a_halo_is_found_by_what_not_a_number_reaches(kind, halo) -> None:
    torch.manual_seed(0)
    assert probed_halo(Square(kind).eval(), NetworkSpec(2)) == halo
