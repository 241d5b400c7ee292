"""The rivals compute what their released codes compute, and have as many parameters."""

import pytest
import torch

from ignn_toolbox.models.aggregators.graph_convolution import nearest_pixels
from ignn_toolbox.models.aggregators.query_softmax import QuerySoftmax
from ignn_toolbox.models.aggregators.region_non_local import RegionNonLocal
from ignn_toolbox.models.aggregators.relaxed_neighbors import NearestNeighbors, relaxed_neighbors
from ignn_toolbox.models.backbones.gcdn import GCDN
from ignn_toolbox.models.backbones.oisr import BLOCKS
from ignn_toolbox.models.backbones.rnan import RNAN, MaskedBlock
from ignn_toolbox.models.backbones.san import CroppedCovariance, SecondOrderAttention, matrix_root
from ignn_toolbox.models.foreign import DEFAULTS, Options
from ignn_toolbox.models.spec import NetworkSpec, Outputs
from ignn_toolbox.models.statistics import Covariance
from ignn_toolbox.models.steps import Network, Place
from ignn_toolbox.ops import imresize
from ignn_toolbox.registry import MODELS
from ignn_toolbox.restore.exact import restore_exactly
from ignn_toolbox.restore.tiles import MapStore, TileRun, cut
from ignn_toolbox.zoo.importers import import_checkpoint

from .golden import Golden, imported, in_its_range, largest_error

# kind of checkpoint, golden case, what the tensors do not tell
CASES = [
    ("pytorch-vdsr", "vdsr/vdsr", Options(scale=1)),
    ("pytorch-LapSRN", "lapsrn/lapsrn_x4", DEFAULTS),
    ("EDSR-PyTorch's RDN", "rdn/rdn_x2", DEFAULTS),
    ("EDSR-PyTorch's RDN", "rdn/rdn_x4", DEFAULTS),
    ("SRFBN's authors", "srfbn/srfbn_x2", Options(steps=3)),
    ("SRFBN's authors", "srfbn/srfbn_x3_grad", Options(steps=2)),
    ("SRFBN's authors", "srfbn/srfbn_x4", Options(steps=3)),
    ("DBPN's authors", "dbpn/dbpn_x2", DEFAULTS),
    ("DBPN's authors", "dbpn/dbpn_x2_grad", DEFAULTS),
    ("DBPN's authors", "dbpn/dbpn_x4", DEFAULTS),
    ("OISR's authors", "oisr/oisr_rk3_x2", DEFAULTS),
    ("OISR's authors", "oisr/oisr_rk3_x3", DEFAULTS),
    ("RNAN's authors", "rnan/rnan_x2", DEFAULTS),
    ("RNAN's authors", "rnan/rnan_x4", DEFAULTS),
    ("RNAN's authors, at x1", "rnan/rnan_dn_rgb", DEFAULTS),
    ("SAN's authors", "san/san_x2", DEFAULTS),
    ("SAN's authors", "san/san_x3", DEFAULTS),
    ("GCDN's authors", "gcdn/gcdn_net", DEFAULTS),
    ("the MemNet port's", "memnet/memnet", Options(scale=1)),
]
PARAMETERS = [
    ({"type": "VDSR", "scale": 3}, 664_704),
    ({"type": "VDSR", "scale": 3, "bias": True}, 665_921),
    ({"type": "VDSR", "scale": 2, "channels": 48, "num_blocks": 8}, 166_752),
    ({"type": "LapSRN", "scale": 4}, 870_112),
    ({"type": "LapSRN", "scale": 4, "channels": 32, "depth": 5}, 125_824),
    ({"type": "SMFANet", "scale": 2}, 185_628),
    ({"type": "SMFANet", "scale": 3}, 190_503),
    ({"type": "SMFANet", "scale": 4}, 197_328),
    ({"type": "DnCNN"}, 556_097),
    ({"type": "RDN", "scale": 2}, 22_123_395),
    ({"type": "RDN", "scale": 3}, 22_308_035),
    ({"type": "RDN", "scale": 4}, 22_271_107),
    ({"type": "RDN", "scale": 2, "growth": 32, "num_blocks": 20, "depth": 6}, 5_541_795),
    ({"type": "SRFBN", "scale": 2}, 2_140_534),
    ({"type": "SRFBN", "scale": 3}, 2_832_758),
    ({"type": "SRFBN", "scale": 4}, 3_631_478),
    ({"type": "SRFBN", "scale": 2, "channels": 32, "num_groups": 3}, 282_442),
    ({"type": "SRFBN", "scale": 3, "channels": 32, "num_groups": 3}, 375_626),
    ({"type": "SRFBN", "scale": 4, "channels": 32, "num_groups": 3}, 483_146),
    ({"type": "DBPN", "scale": 2}, 5_953_526),
    ({"type": "DBPN", "scale": 4}, 10_426_358),
    ({"type": "DBPN", "scale": 8}, 23_205_878),
    ({"type": "OISR", "scale": 2}, 41_926_793),
    ({"type": "OISR", "scale": 3}, 44_877_193),
    ({"type": "OISR", "scale": 4}, 44_287_113),
    ({"type": "OISR", "scale": 2, "scheme": "lf", "channels": 64, "num_blocks": 8}, 1_371_963),
    ({"type": "OISR", "scale": 3, "scheme": "lf", "channels": 64, "num_blocks": 8}, 1_556_603),
    ({"type": "OISR", "scale": 4, "scheme": "lf", "channels": 64, "num_blocks": 8}, 1_519_675),
    ({"type": "OISR", "scale": 2, "scheme": "rk2", "channels": 64, "num_blocks": 8}, 1_371_939),
    ({"type": "OISR", "scale": 2, "scheme": "lf", "channels": 122, "num_blocks": 8}, 4_971_559),
    ({"type": "MemNet", "scale": 2}, 2_910_537),
    ({"type": "RNAN", "scale": 2}, 9_107_291),
    ({"type": "RNAN", "scale": 3}, 9_291_931),
    ({"type": "RNAN", "scale": 4}, 9_255_003),
    ({"type": "RNAN", "scale": 1}, 8_959_555),
    ({"type": "RNAN", "scale": 1, "planes": 1}, 8_957_249),
    ({"type": "NLRN", "scale": 1}, 340_099),
    ({"type": "NLRN", "scale": 2, "channels": 64, "inner": 32, "num_steps": 6}, 85_827),
    ({"type": "N3Net"}, 705_895 - 384),  # less three normalisations that are never used
    # the published counts less 38,044 numbers that are never used
    ({"type": "SAN", "scale": 2}, 15_712_800 - 38_044),
    ({"type": "SAN", "scale": 3}, 15_897_440 - 38_044),
    ({"type": "SAN", "scale": 4}, 15_860_512 - 38_044),
    ({"type": "SAN", "scale": 8}, 16_008_224 - 38_044),
]


@pytest.mark.parametrize(("config", "count"), PARAMETERS)
def test_parameters(config, count):
    with torch.device("meta"):
        network = MODELS.build(config)
    assert sum(p.numel() for p in network.parameters()) == count


def made(network, x):
    """All outputs of a network, smallest or first ones first."""
    out = network(x)
    return [*out.earlier, out.sr] if isinstance(out, Outputs) else [out]


@pytest.mark.parametrize(("kind", "name", "options"), CASES, ids=[case[1] for case in CASES])
def test_numbers_of_the_released_code(kind, name, options, shared_dir, tmp_path):
    case = Golden(shared_dir / "golden" / f"{name}.npz")
    own, renamed = in_its_range(kind, case.state, options)
    expected = case.outputs("y64")
    if own.spec.outputs:  # batch statistics are those of evaluation, but all outputs are made
        own.training = True
    x = case["x"].double().requires_grad_()
    outputs = made(own, x)
    if len(expected) == 1 and expected[0].shape[1] > outputs[-1].shape[1]:
        expected = expected[0].chunk(len(outputs), 1)  # all outputs, joined
    found = outputs if len(expected) > 1 else outputs[-1:]
    for ours, theirs in zip(found, expected, strict=True):
        assert largest_error(ours.detach(), theirs) <= 1e-9
    gradients = case.gradients()
    if gradients:
        torch.cat(found, 1).backward(case["grad_out"].double())
        parameters = dict(own.named_parameters())
        for key, theirs in gradients.items():
            ours = x.grad if key == "x" else parameters[renamed[key]].grad
            assert largest_error(ours, theirs) <= 1e-5, key

    white = case.cfg.get("rgb_range", 255 if name.startswith(("srfbn", "rnan")) else 1)
    network = imported(case.state, tmp_path, **options.told())
    x = case["x"] / white
    with torch.no_grad():
        single, double = network(x), network.double()(x.double())
    size = max(1.0, float(expected[-1].abs().max()) / white)
    assert (single - expected[-1] / white).abs().max() <= 1e-4 * size
    assert (double - expected[-1] / white).abs().max() <= 1e-6 * size


@pytest.mark.parametrize("scheme", BLOCKS)
def test_oisr_blocks_with_gradients(scheme, shared_dir):
    case = Golden(shared_dir / "golden" / "oisr" / f"oisr_{scheme}_block_grad.npz")
    block = BLOCKS[scheme](case.cfg["n_feats"]).double()
    block.load_state_dict({k: v.double() for k, v in case.state.items()})
    x = case["x"].double().requires_grad_()
    out = block(x)
    assert largest_error(out.detach(), case["y64"]) <= 1e-9
    out.backward(case["grad_out"].double())
    gradients = {"x": x.grad, **{k: p.grad for k, p in block.named_parameters()}}
    for key, theirs in case.gradients().items():
        assert largest_error(gradients[key], theirs) <= 1e-5, key


def check_block(block, names, case):
    """A block of a golden file computes its numbers and gradients, in float64."""
    block = block.double()
    state = {names(key): value.double() for key, value in case.state.items()}
    block.load_state_dict(state)
    x = case["x"].double().requires_grad_()
    out = block(x)
    expected = case["y64"] if "y64" in case.arrays else case["y"]
    assert largest_error(out.detach(), expected) <= (1e-9 if "y64" in case.arrays else 1e-5)
    if "grad_out" in case.arrays:
        out.backward(case["grad_out"].double())
        parameters = dict(block.named_parameters())
        for key, theirs in case.gradients().items():
            ours = x.grad if key == "x" else parameters[names(key)].grad
            # what a bias of all queries changes is nothing: both gradients are rounding
            if max(ours.abs().max(), theirs.abs().max()) > 1e-12:
                assert largest_error(ours, theirs) <= 1e-5, key


@pytest.mark.parametrize("name", ["rnan_nonlocal", "rnan_nonlocal_grad"])
def test_rnans_softmax_runs_over_queries(name, shared_dir):
    case = Golden(shared_dir / "golden" / "rnan" / f"{name}.npz")
    block = QuerySoftmax(case["x"].shape[1])
    check_block(block, lambda key: key.replace("W.", "out."), case)


def test_rnans_masked_block_with_gradients_and_in_tiles(shared_dir):
    case = Golden(shared_dir / "golden" / "rnan" / "rnan_nlrab_grad.npz")
    whole = {f"body_nl_low.0.body.0.{key}": value for key, value in case.state.items()}
    table = RNAN.foreign[0].renamed(whole)
    names = {
        key: table[f"body_nl_low.0.body.0.{key}"].removeprefix("groups.0.block.")
        for key in case.state
    }
    block = MaskedBlock(case["x"].shape[1], attention=True)
    check_block(block, names.get, case)

    class Alone(Network):
        spec = NetworkSpec(1, channels=(8, 8), multiple_of=2)

        def __init__(self):
            super().__init__()
            self.block = block

        def run(self, lq, go):
            return go.local(self.block, lq)

    with torch.inference_mode():
        x = case["x"].double()
        tiled = restore_exactly(Alone().eval(), x, TileRun(3, pytest.fail), MapStore(0, x.device))
    assert largest_error(tiled, case["y64"]) <= 1e-5


@pytest.mark.parametrize("name", ["san_soca", "san_soca_grad", "san_soca_crop_tall"])
def test_sans_second_order_attention(name, shared_dir):
    case = Golden(shared_dir / "golden" / "san" / f"{name}.npz")
    block = SecondOrderAttention(case["x"].shape[1], case.cfg["reduction"])
    layers = {"conv_du.0": "squeeze", "conv_du.2": "excite"}

    def name(key):
        layer, _, kind = key.rpartition(".")
        return f"{layers[layer]}.{kind}"

    check_block(block, name, case)


def test_root_of_a_covariance(shared_dir):
    case = Golden(shared_dir / "golden" / "san" / "san_covpool_sqrtm.npz")
    x = case["x"].double().requires_grad_()
    covariance = CroppedCovariance()(x)
    assert largest_error(covariance.detach(), case["cov"]) <= 1e-5
    root = matrix_root(covariance)
    assert largest_error(root.detach(), case["sqrtm"]) <= 1e-5
    root.backward(case["grad_out"].double())
    assert largest_error(x.grad, case["grad_x"]) <= 1e-4


def test_second_order_attention_of_a_constant_map_is_finite():
    x = torch.full((2, 8, 9, 7), 0.3, requires_grad=True)
    out = SecondOrderAttention(8, 2)(x)
    out.sum().backward()
    assert out.isfinite().all()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize(
    ("size", "rows", "cols"),
    [
        ((999, 300), (0, 999), (0, 300)),
        ((1500, 300), (250, 1250), (0, 300)),
        ((300, 1003), (0, 300), (1, 1001)),
        ((1200, 1400), (100, 1100), (200, 1200)),
        ((500, 1000), (250, 500), (0, 1000)),  # a slice that begins before the picture
    ],
)
def test_crop_of_the_covariance_is_the_released_codes(size, rows, cols):
    x = torch.randn(1, 2, *size, dtype=torch.float64)
    expected = Covariance()(x[:, :, slice(*rows), slice(*cols)])
    statistic = CroppedCovariance()
    torch.testing.assert_close(statistic(x), expected)
    parts = [
        statistic.part(x[..., r.top : r.top + r.height, r.left : r.left + r.width], Place(r, *size))
        for r in cut(*size, 300)
    ]
    torch.testing.assert_close(statistic.join(parts), expected)


def test_sans_region_non_local_block(shared_dir):
    case = Golden(shared_dir / "golden" / "san" / "san_nonlocal_ca.npz")
    block = RegionNonLocal(case.cfg["in_feat"]).double()
    names = {"theta": "theta", "phi.0": "phi", "g.0": "g", "W": "out"}
    state = {}
    for key, value in case.state.items():
        layer, _, kind = key.removeprefix("non_local.").rpartition(".")
        if layer in names:
            state[f"{names[layer]}.{kind}"] = value.double()
    block.load_state_dict(state)
    with torch.no_grad():
        assert largest_error(block(case["x"].double()), case["y64"]) <= 1e-9


def test_nlrn_equals_its_first_code_and_adds_the_picture(shared_dir, tmp_path):
    case = Golden(shared_dir / "golden" / "nlrn" / "nlrn_v0_corr.npz")
    x = case["x"].double()
    expected = x + case["y64"]  # the original returns what is to be added
    own, _ = in_its_range("NLRN's authors", case.state)
    assert own.spec.colour == "grey"
    with torch.no_grad():
        assert largest_error(own(x), expected) <= 1e-9
        single = imported(case.state, tmp_path)(case["x"])
        assert (single - expected).abs().max() <= 1e-4
        tiled = restore_exactly(own, x, TileRun(4, pytest.fail), MapStore(0, x.device))
    assert largest_error(tiled, expected) <= 1e-9


def test_nlrn_enlarges_on_0_to_255(shared_dir, tmp_path):
    case = Golden(shared_dir / "golden" / "nlrn" / "nlrn_v0_corr.npz")
    own, _ = in_its_range("NLRN's authors", case.state)
    network = imported(case.state, tmp_path, scale=2).double()
    assert network.spec.colour == "luma"
    with torch.no_grad():
        enlarged = imresize(case["x"].double(), 2.0)
        torch.testing.assert_close(network(case["x"].double()), own(255 * enlarged) / 255)


def test_n3_selects_as_the_released_code(shared_dir):
    case = Golden(shared_dir / "golden" / "n3net" / "n3_nnn.npz")
    distances = case["D"].double().requires_grad_()
    weights = relaxed_neighbors(distances, case["log_temp"].double(), 3)
    assert largest_error(weights.detach(), case["W64"]) <= 1e-9
    torch.testing.assert_close(weights.sum(2), torch.ones_like(weights.sum(2)))
    weights[..., -1].max().backward()
    assert distances.grad.isfinite().all()


def test_n3_block(shared_dir):
    case = Golden(shared_dir / "golden" / "n3net" / "n3_block.npz")
    cfg, inner = case.cfg, case.cfg["embedcnn"]
    block = NearestNeighbors(
        cfg["nplanes_in"],
        cfg["k"],
        cfg["patchsize"],
        cfg["stride"],
        cfg["nl_match_window"],
        inner["features"],
        inner["nplanes_out"],
    )
    layers = {
        "embedcnn": "embed",
        "tempcnn": "temperature",
        "n3aggregation.aggregation.nnn.bn": "norm",
    }
    state = {}
    for key, value in case.state.items():
        (theirs,) = (name for name in layers if key.startswith(f"{name}."))
        state[layers[theirs] + key.removeprefix(theirs)] = value
    block.load_state_dict(state)
    block.double().eval()
    with torch.no_grad():
        assert largest_error(block(case["x"].double()), case["y64"]) <= 1e-7


def test_n3nets_checkpoint_is_imported_by_its_names(shared_dir, tmp_path):
    """Their names and the layer that they never use; inside, the golden block."""
    case = Golden(shared_dir / "golden" / "n3net" / "n3_block.npz")
    planes, features, neighbors = 4, 6, 2
    theirs = {f"nls.0.{key}": value for key, value in case.state.items()}

    def layer(name, out, inside, bias):
        theirs[f"{name}.weight"] = torch.randn(out, inside, 3, 3)
        if bias:
            theirs[f"{name}.bias"] = torch.randn(out)

    for number, (inside, out) in enumerate(((1, planes), (planes * (neighbors + 1), 1))):
        layer(f"blocks.{number}.conv1", features, inside, True)
        layer(f"blocks.{number}.conv2", out, features, True)
        for inner in (0, 3):
            layer(f"blocks.{number}.layer1.{inner}", features, features, False)
        norms = (f"blocks.{number}.{name}" for name in ("bn1", "layer1.1", "layer1.4"))
        for name in norms:
            theirs |= {f"{name}.weight": torch.ones(features)}
            theirs |= {f"{name}.{kind}": torch.zeros(features) for kind in ("bias", "running_mean")}
            theirs |= {f"{name}.running_var": torch.ones(features)}
            theirs |= {f"{name}.num_batches_tracked": torch.tensor(0)}
    network = imported(theirs, tmp_path)
    first = network.blocks[0].layers
    assert torch.equal(first[4].weight, theirs["blocks.0.layer1.3.weight"])
    assert torch.equal(first[7].bias, theirs["blocks.0.conv2.bias"])
    (block,) = network.neighbors
    block.patch, block.stride, block.window = 4, 2, 5  # which the tensors do not tell
    with torch.no_grad():
        assert largest_error(block.double()(case["x"].double()), case["y64"]) <= 1e-7


def nearest_by_the_book(features, count, window):
    """Every pixel for itself, from the words of `nearest_pixels`."""
    channels, height, width = features.shape
    flat = features.double().reshape(channels, -1).T
    found = torch.empty(count, height, width, dtype=torch.long)
    whole = window is None or min(height, width) < window
    for y in range(height):
        for x in range(width):
            if whole:
                places = [(r, c) for r in range(height) for c in range(width)]
            else:
                around = range(-(window // 2), window // 2 + 1)
                places = [(y + r, x + c) for r in around for c in around]
            ranked = []
            for number, (r, c) in enumerate(places):
                row, col = (
                    n if 0 <= n < size else (-n if n < 0 else 2 * (size - 1) - n)
                    for n, size in ((r, height), (c, width))
                )
                far = float((flat[row * width + col] - flat[y * width + x]).square().sum().float())
                if (r, c) == (y, x):
                    far = -2.0
                elif max(abs(r - y), abs(c - x)) <= 1:
                    far = 0.0
                ranked.append((far, number, row * width + col))
            found[:, y, x] = torch.tensor([place for *_, place in sorted(ranked)[9 : 9 + count]])
    return found


@pytest.mark.parametrize(("size", "window"), [((9, 7), None), ((6, 12), 7), ((19, 18), 7)])
def test_gcdns_graph_is_by_the_book(size, window):
    features = torch.randint(0, 4, (2, 2, *size)).float()  # with many ties
    found = nearest_pixels(features, 5, window)
    for own, graph in zip(features, found, strict=True):
        assert torch.equal(graph, nearest_by_the_book(own, 5, window))


def test_a_graph_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="window=3 must be odd and hold more than 24 pixels"):
        GCDN(channels=6, window=3)
    with pytest.raises(ValueError, match="channels=64 must be a multiple of 3"):
        GCDN(channels=64)
    with pytest.raises(ValueError, match="it needs at least 5x5"):
        GCDN(channels=6, rank=2)(torch.rand(1, 1, 4, 9))


def test_n3nets_smallest_picture_is_named():
    with pytest.raises(ValueError, match="it needs at least 80x80"):
        MODELS.build({"type": "N3Net"})(torch.rand(1, 1, 79, 100))


@pytest.mark.parametrize(("scale", "name"), [(2, "x2_1x24x40"), (4, "x4_1x19x33")])
def test_smfanet_with_its_published_weights(scale, name, shared_dir):
    case = Golden(shared_dir / "golden" / "smfanet" / f"{name}.npz")
    file = shared_dir / "weights" / "smfanet" / f"SMFANet_DIV2K_100w_x{scale}SR.pth"
    network = import_checkpoint(file).train()
    with torch.no_grad():
        assert (network(case["x"].float()) - case["y64"]).abs().max() <= 1e-5
    x = case["x"].requires_grad_()
    out = network.double()(x)
    assert largest_error(out.detach(), case["y64"]) <= 1e-9
    loss = out.abs().mean()
    loss.backward()
    assert abs(float(loss.detach() - case["loss"])) <= 1e-12
    assert largest_error(x.grad, case["grad_x"]) <= 1e-9
    renamed = type(network).foreign[0].renamed(case.gradients())
    parameters = dict(network.named_parameters())
    for key, theirs in case.gradients().items():
        assert largest_error(parameters[renamed[key]].grad, theirs) <= 1e-9, key


def test_lapsrn_starts_as_bilinear(shared_dir):
    kernel = Golden(shared_dir / "golden" / "lapsrn" / "lapsrn_bilinear_init.npz")["k4"]
    network = MODELS.build({"type": "LapSRN", "scale": 4, "channels": 3, "depth": 1})
    for layer in network.modules():
        if isinstance(layer, torch.nn.ConvTranspose2d):
            assert torch.equal(layer.weight, kernel.expand_as(layer.weight))


def test_charbonnier_is_lapsrns_but_for_the_mean(shared_dir):
    case = Golden(shared_dir / "golden" / "lapsrn" / "lapsrn_charbonnier.npz")
    loss = MODELS.build({"type": "CharbonnierLoss", "eps": 1e-3})
    pixels = case["pred"].numel()
    torch.testing.assert_close(pixels * loss(case["pred"], case["target"]), case["loss"])


def test_a_vdsr_must_be_told_its_scale(shared_dir, tmp_path):
    state = Golden(shared_dir / "golden" / "vdsr" / "vdsr.npz").state
    with pytest.raises(ValueError, match="say scale=2, 3 or 4"):
        imported(state, tmp_path)
    assert imported(state, tmp_path, scale=3).spec.scale == 3


def test_lapsrn_gives_its_first_level_alone(shared_dir, tmp_path):
    case = Golden(shared_dir / "golden" / "lapsrn" / "lapsrn_x4.npz")
    with torch.no_grad():
        half = imported(case.state, tmp_path, scale=2)(case["x"])
    assert largest_error(half, case["y64_0"]) <= 1e-5
    with pytest.raises(ValueError, match=r"2 levels, up to x4; got scale=3"):
        imported(case.state, tmp_path, scale=3)


def test_a_network_of_grey_takes_grey_pictures_of_three_planes():
    torch.manual_seed(0)
    restorer = MODELS.build(
        {
            "type": "Restorer",
            "network": {"type": "DnCNN", "channels": 4, "num_layers": 3},
            "loss": {"type": "L1Loss"},
        }
    ).eval()
    plane = torch.rand(1, 1, 9, 8)
    (sample,) = restorer.predict(plane.expand(-1, 3, -1, -1))
    expected = restorer.network(plane).clamp(0, 1)[0].expand(3, -1, -1)
    torch.testing.assert_close(sample.pred_img, expected)
    with pytest.raises(ValueError, match="coloured picture does not fit a network for grey"):
        restorer.predict(torch.rand(1, 3, 9, 8))
