"""A network's own file says how other code stores it; nothing else is to be told."""

import pkgutil

import pytest
import torch
from torch import nn

from ignn_toolbox import models
from ignn_toolbox.models import EDSR, Foreign, Network, NetworkSpec
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo.importers import foreign_kinds, import_checkpoint


@pytest.fixture
def enlarger():
    """A registered network of one convolution, which is published on 0..255 and in HWIO layout."""

    class Enlarger(Network):
        foreign = (
            Foreign(
                "a page's",
                ("lone.layer0.kernel", "lone.layer*.bias"),
                lambda state, options: {"repeats": options.steps or 1},
                lambda state, options: {
                    "lone.layer*.kernel": "convs.*.weight",
                    "lone.layer*": "convs.*",
                    "moving": None,
                },
                white=255,
                enters=("convs.0.weight",),
                leaves=("convs.0.weight", "convs.0.bias"),
                options=("steps",),
                laid_out=lambda name, x: x.permute(3, 2, 0, 1) if x.ndim == 4 else x,
            ),
        )

        def __init__(self, repeats, init_cfg=None):
            super().__init__(init_cfg)
            self.spec = NetworkSpec(1)
            self.repeats = repeats
            self.convs = nn.ModuleList([nn.Conv2d(3, 3, 3, padding=1)])

        def run(self, lq, go):
            for _ in range(self.repeats):
                lq = go.local(self.convs[0], lq)
            return lq

    MODELS.register_module(module=Enlarger)
    yield Enlarger
    MODELS.module_dict.pop("Enlarger")


def test_a_record_in_the_network_is_all_that_an_import_needs(enlarger, tmp_path):
    theirs = {"lone.layer0.kernel": torch.randn(3, 3, 3, 3), "lone.layer0.bias": torch.ones(3)}
    torch.save(theirs | {"moving.mean": torch.zeros(1)}, tmp_path / "net.pt")
    network = import_checkpoint(tmp_path / "net.pt", steps=2)
    assert type(network) is enlarger
    assert network.repeats == 2
    # a layer that both reads and makes the picture: its weight stays, its bias is in the range
    weight, bias = network.convs[0].weight, network.convs[0].bias
    torch.testing.assert_close(weight, theirs["lone.layer0.kernel"].permute(3, 2, 0, 1))
    torch.testing.assert_close(bias, theirs["lone.layer0.bias"] / 255)
    with pytest.raises(ValueError, match="window means nothing to a page's checkpoints"):
        import_checkpoint(tmp_path / "net.pt", window=3)


def test_the_kind_that_asks_for_most_is_meant(enlarger, tmp_path):
    theirs = {"lone.layer0.kernel": torch.randn(3, 3, 3, 3), "lone.layer0.bias": torch.ones(3)}
    record = next(r for r in EDSR.foreign if r.kind == "BasicSR's EDSR")
    theirs |= {f"{name}.weight": torch.zeros(8, 3, 3, 3) for name in ("conv_first", "body.0.conv1")}
    theirs |= {name: torch.zeros(8, 8, 3, 3) for name in record.signature[2:]}
    torch.save(theirs, tmp_path / "net.pt")
    with pytest.raises(ValueError, match="BasicSR's EDSR"):
        import_checkpoint(tmp_path / "net.pt")


def test_numbers_go_with_the_stars_and_the_longest_pattern_counts():
    record = Foreign(
        "a kind",
        (),
        lambda state, options: {},
        lambda state, options: {"a.*.b.*": "x.*.y.*", "a.*": "z.*", "a.1": "one", "c": None},
    )
    state = dict.fromkeys(["a.3.b.14.weight", "a.2.bias", "a.1.bias", "c.d", "cd"], torch.ones(1))
    assert record.renamed(state) == {
        "a.3.b.14.weight": "x.3.y.14.weight",
        "a.2.bias": "z.2.bias",
        "a.1.bias": "one.bias",
        "c.d": None,
        "cd": "cd",
    }


def test_kinds_have_names_and_signatures_of_their_own():
    kinds = [kind for _, kind in foreign_kinds()]
    assert len({kind.kind for kind in kinds}) == len(kinds)
    assert len({frozenset(kind.signature) for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("room", ["aggregators", "backbones", "embedders", "losses"])
def test_every_file_of_a_room_is_imported_with_it(room):
    package = getattr(models, room)
    files = {found.name for found in pkgutil.iter_modules(package.__path__)}
    assert files
    assert all(hasattr(package, name) for name in files)
