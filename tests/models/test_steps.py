"""What can go wrong where one program is computed in several ways."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ignn_toolbox.datasets.data_sample import SRDataSample
from ignn_toolbox.engine.optim_wrapper import SafeOptimWrapper
from ignn_toolbox.models.program import record
from ignn_toolbox.models.reach import Reach
from ignn_toolbox.models.spec import Given, NetworkSpec, Outputs
from ignn_toolbox.models.statistics import AdaptiveMaxPool, Covariance, Mean, Variance
from ignn_toolbox.models.steps import Attention, Network, Part, Place
from ignn_toolbox.ops.patches import Region
from ignn_toolbox.registry import MODELS
from ignn_toolbox.restore.exact import restore_exactly
from ignn_toolbox.restore.tiles import MapStore, TileRun, cut

from . import tiny

CPU = torch.device("cpu")
CHANNELS = 4


def conv(channels_in=CHANNELS, channels_out=CHANNELS, kernel=3, **options):
    options.setdefault("padding", kernel // 2)
    return nn.Conv2d(channels_in, channels_out, kernel, **options)


class Levels(Network):
    """A loop whose functions are made in it: each must keep the variables of its own round."""

    def __init__(self):
        super().__init__()
        self.spec = NetworkSpec(1)
        self.stem = conv(3)
        self.levels = nn.ModuleList(conv(dilation=d, padding=d) for d in (1, 2, 3))
        self.output = conv(channels_out=3)

    def run(self, lq, go):
        x = go.local(self.stem, lq)
        for number, level in enumerate(self.levels):
            x = go.local(lambda a, b: a + number * level(b).tanh(), x, x, through=(level,))  # noqa: B023
        return go.local(self.output, x)


class Halved(Network):
    """Down by stride 2 and up again, joined with what was there; any size is padded."""

    def __init__(self):
        super().__init__()
        self.spec = NetworkSpec(1, multiple_of=2)
        self.down = conv(3, stride=2)
        self.inner = conv()
        self.up = nn.ConvTranspose2d(CHANNELS, 3, 4, stride=2, padding=1)

    def run(self, lq, go):
        x = go.local(self.inner, go.local(self.down, lq))
        return go.local(torch.add, lq, go.local(self.up, x), through=())


class OddlyHalved(Network):
    """Stride 2 on any size: the result of 2n - 1 rows and of 2n rows is one of 2n, here x2."""

    def __init__(self):
        super().__init__()
        self.spec = NetworkSpec(1, multiple_of=2)
        self.down = nn.Sequential(conv(3, kernel=5, stride=2), nn.ReLU(), conv(kernel=3, stride=1))
        self.up = nn.Sequential(conv(channels_out=12, kernel=1, padding=0), nn.PixelShuffle(2))

    def run(self, lq, go):
        return go.local(nn.Sequential(self.down, self.up), lq)


class Mirrored(Network):
    """Reflection padding: what lies beyond a border is inside."""

    def __init__(self):
        super().__init__()
        self.spec = NetworkSpec(1, min_size=4)
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(3),
            conv(3, kernel=7, padding=0),
            conv(padding_mode="reflect"),
            conv(channels_out=3, padding_mode="replicate"),
        )

    def run(self, lq, go):
        return go.local(self.layers, lq)


class Moments(Part):
    """All statistics, of a map that statistics made."""

    def __init__(self):
        super().__init__()
        self.layer = conv()

    def run(self, x, go):
        mean = go.statistics(Mean(), x)
        centred = go.local(torch.sub, x, mean, through=())
        spread = go.statistics(Variance(unbiased=True), centred)
        both = go.statistics(Covariance(), centred)
        cells = go.statistics(AdaptiveMaxPool(8), x)
        weights = go.local(self._weights, spread, both, cells, through=())
        return go.local(lambda a, w: a + self.layer(a) * w, x, weights, through=(self.layer,))

    def _weights(self, spread, both, cells):
        return (spread + both.sum(2)[..., None, None] + cells.mean((2, 3), keepdim=True)).tanh()


class Momentous(Network):
    def __init__(self):
        super().__init__()
        self.spec = NetworkSpec(1, min_size=8)
        self.stem, self.output = conv(3), conv(channels_out=3)
        self.blocks = nn.ModuleList([Moments(), Moments()])

    def run(self, lq, go):
        x = go.local(self.stem, lq)
        for block in self.blocks:
            x = go.local(block, x)
        return go.local(self.output, x)


class Mixing(Attention):
    """Every place gets the mean of all places, by a learnt matrix, and a shift of its own."""

    takes = ("image_down",)

    def __init__(self):
        super().__init__()
        self.keys, self.values = conv(kernel=1), conv(kernel=1)

    def prepare(self, features, *guides, given=None, allocate=None):
        keys, values = self.keys(features).flatten(2).softmax(-1), self.values(features).flatten(2)
        mixed = keys @ values.transpose(1, 2)
        if given is not None and given.image_down is not None:
            mixed = mixed * given.image_down.mean()
        return mixed

    def attend(self, prepared, features, place):
        return torch.einsum("ncd,nchw->ndhw", prepared, features)


class Attentive(Network):
    def __init__(self):
        super().__init__()
        self.spec = NetworkSpec(1)
        self.stem, self.output = conv(3), conv(channels_out=3)
        self.attention = Mixing()

    def run(self, lq, go):
        x = go.local(self.stem, lq)
        return go.local(self.output, go.attend(self.attention, x))


def built(kind):
    torch.manual_seed(0)
    return kind()


@pytest.mark.parametrize("kind", [Levels, Halved, OddlyHalved, Mirrored, Momentous, Attentive])
@pytest.mark.parametrize("size", [(41, 33), (30, 47), (18, 19)])
@torch.inference_mode()
def test_tiles_are_the_whole(kind, size):
    network = built(kind).eval()
    lq = torch.rand(1, 3, *size)
    for tile in (9, 16, 25):
        tiled = restore_exactly(network, lq, TileRun(tile, pytest.fail), MapStore(0, CPU))
        torch.testing.assert_close(tiled, network(lq), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "statistic", [Mean(), Variance(), Variance(unbiased=True), Covariance(), AdaptiveMaxPool(8)]
)
@pytest.mark.parametrize("size", [(16, 16), (23, 41), (9, 15), (8, 100)])
def test_statistics_of_parts_are_those_of_the_whole(statistic, size):
    x = 5 + torch.randn(2, 3, *size, dtype=torch.float64)
    for tile in (4, 7, 100):
        parts = [
            statistic.part(
                x[..., r.top : r.top + r.height, r.left : r.left + r.width], Place(r, *size)
            )
            for r in cut(*size, tile)
        ]
        torch.testing.assert_close(statistic.join(parts), statistic(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [(16, 16), (23, 41), (15, 9)])
def test_largest_values_are_torchs_adaptive_pooling(size):
    x = torch.randn(2, 3, *size)
    cells = F.adaptive_max_pool2d(x, (size[0] // 8, size[1] // 8))
    assert torch.equal(AdaptiveMaxPool(8)(x), cells)


def test_gradients_flow_through_the_first_half():
    network = built(Attentive).double()
    lq = torch.rand(1, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(network, (lq,))
    network(lq).square().sum().backward()
    assert all(p.grad.any() for p in network.attention.parameters())


def test_given_parts_reach_the_step_that_takes_them_and_no_other():
    network, lq = built(Attentive), torch.rand(1, 3, 9, 8)
    given = Given(image_down=torch.full((1, 3, 4, 4), 2.0))
    x = network.stem(lq)
    expected = network.output(2 * network.attention(x))
    torch.testing.assert_close(network(lq, given), expected, rtol=0, atol=1e-5)
    with pytest.raises(TypeError, match="no step of this Levels takes image_down"):
        built(Levels)(lq, given)


def test_a_step_of_unknown_reach_is_named():
    class Unknown(Network):
        spec = NetworkSpec(1)

        def __init__(self):
            super().__init__()
            self.layer = nn.AdaptiveAvgPool2d(3)

        def run(self, lq, go):
            return go.local(self.layer, lq)

    with pytest.raises(TypeError, match="Unknown, step layer: .* AdaptiveAvgPool2d"):
        record(Unknown())


def test_a_spec_that_contradicts_the_result_is_told():
    class Liar(Network):
        spec = NetworkSpec(2)

        def run(self, lq, go):
            return lq

    with pytest.raises(ValueError, match="Liar says that it makes 3 channels at x2, but made"):
        Liar()(torch.rand(1, 3, 8, 8))


def test_maps_of_several_sizes_in_one_step_are_told():
    class Uneven(Network):
        spec = NetworkSpec(1)

        def __init__(self):
            super().__init__()
            self.down = conv(3, 3, stride=2)

        def run(self, lq, go):
            return go.local(lambda a, b: a, lq, go.local(self.down, lq), through=())

    with pytest.raises(ValueError, match="the maps of one step have one size"):
        restore_exactly(Uneven(), torch.rand(1, 3, 9, 9), TileRun(9, print), MapStore(0, CPU))


@pytest.mark.parametrize(
    "modules",
    [
        [conv(1, 1)],
        [conv(1, 1, kernel=5, stride=2)],
        [conv(1, 1, dilation=4, padding=4)],
        [nn.ConvTranspose2d(1, 1, 6, stride=2, padding=2)],
        [nn.ConvTranspose2d(1, 1, 7, stride=3, padding=2)],
        [conv(1, 4), nn.PixelShuffle(2), conv(1, 1)],
        [nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear")],
        [nn.ReflectionPad2d(2), conv(1, 1, kernel=5, padding=0)],
        [nn.AvgPool2d(3, 2, 1), nn.Upsample(scale_factor=3)],
    ],
)
def test_reach_is_where_a_change_shows(modules):
    """By trying: every changed output lies where the reach says, and the sizes are foretold."""
    layers, length = nn.Sequential(*modules).double().eval(), 36
    for module in layers:
        for parameter in module.parameters():
            nn.init.uniform_(parameter, 0.5, 1.0)
    axis = Reach.of(layers).rows
    x = torch.rand(1, 1, length, length, dtype=torch.float64)
    before = layers(x)
    assert axis.size(length) == before.shape[2]
    changes = {}
    for place in range(length):
        other = x.clone()
        other[:, :, place] += 1
        changes[place] = (layers(other) != before)[0, 0].any(1)
    for out in range(before.shape[2]):
        start, stop = axis.needs(out, out + 1)
        seen = [place for place, changed in changes.items() if changed[out]]
        assert seen == [] or (start <= seen[0] and seen[-1] < stop)


IN_PARTS = {"CSNLN": {"tail"}}  # of a concatenation that is never made: computed, not called


def reached(module, *args):
    """Names of the parts whose forward hooks fired."""
    fired, handles = set(), []
    for name, part in module.named_modules():
        handles.append(part.register_forward_hook(lambda *_, name=name: fired.add(name)))
    module(*args)
    for handle in handles:
        handle.remove()
    return fired


@pytest.mark.parametrize("name", tiny.NETWORKS)
def test_hooks_on_modules_fire(name):
    network = MODELS.build({"type": name, **tiny.NETWORKS[name]}).eval()
    least = network.spec.min_size
    fired = reached(network, torch.rand(1, network.spec.channels[0], least + 8, least + 9))
    kinds = nn.Conv2d | nn.ConvTranspose2d
    layers = {n for n, m in network.named_modules() if isinstance(m, kinds)}
    assert layers - IN_PARTS.get(name, set()) <= fired


class Doubled(Network):
    """Two outputs in training, the second of a graph that is given or made."""

    def __init__(self):
        super().__init__()
        self.spec = NetworkSpec(2, outputs=(1, 2))
        self.stem, self.first = conv(3), conv(channels_out=3)
        self.attention = Mixing()
        self.last = nn.ConvTranspose2d(CHANNELS, 3, 4, stride=2, padding=1)

    def run(self, lq, go):
        x = go.local(self.stem, lq)
        first = go.local(self.first, x)
        sr = go.local(self.last, go.attend(self.attention, x))
        return Outputs(sr, (first,)) if self.training else sr


@pytest.fixture
def alone(tmp_path):
    """A process group of one."""
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_outputs_and_given_survive_ddp(alone):
    network, lq = built(Doubled).train(), torch.rand(2, 3, 9, 8)
    given = Given(image_down=torch.full((1, 3, 4, 4), 0.5))
    wrapped = nn.parallel.DistributedDataParallel(copy.deepcopy(network))
    out, expected = wrapped(lq, given), network(lq, given)
    assert isinstance(out, Outputs)
    for own, other in zip((out.sr, *out.earlier), (expected.sr, *expected.earlier), strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=0)
    for outputs in (out, expected):
        (outputs.sr.mean() + outputs.earlier[0].mean()).backward()
    for own, other in zip(wrapped.module.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad, rtol=0, atol=0)


def test_outputs_and_given_survive_export():
    network, lq = built(Doubled).train(), torch.rand(2, 3, 9, 8)
    given = Given(image_down=torch.full((1, 3, 4, 4), 0.5))
    program = torch.export.export(network, (lq, given), strict=False).module(check_guards=False)
    out, expected = program(lq, given), network(lq, given)
    assert isinstance(out, Outputs)
    torch.testing.assert_close(out.sr, expected.sr)
    torch.testing.assert_close(out.earlier[0], expected.earlier[0])


def test_outputs_survive_train_step():
    MODELS.register_module(module=Doubled, force=True)
    try:
        config = {"type": "Restorer", "network": {"type": "Doubled"}, "loss": {"type": "L1Loss"}}
        torch.manual_seed(0)
        restorer = MODELS.build({**config, "output_weights": [0.5, 1.0]})
    finally:
        MODELS.module_dict.pop("Doubled")
    lq = torch.randint(256, (3, 10, 8), dtype=torch.uint8)
    sample = SRDataSample(metainfo={"name": "noise"})
    sample.gt_img = torch.randint(256, (3, 20, 16), dtype=torch.uint8)
    optimizer = torch.optim.SGD(restorer.parameters(), lr=0.1)
    before = copy.deepcopy(restorer.network.state_dict())
    data = {"inputs": [lq], "data_samples": [sample]}
    log = restorer.train_step(data, SafeOptimWrapper(optimizer))
    assert log["loss"].isfinite()
    changed = [k for k, v in restorer.network.state_dict().items() if not torch.equal(v, before[k])]
    assert any(k.startswith("first") for k in changed)
    assert any(k.startswith("last") for k in changed)


def test_places_are_regions_of_whole_maps():
    x = torch.rand(1, 2, 7, 9)
    assert Place.whole(x) == Place(Region(0, 0, 7, 9), 7, 9)
