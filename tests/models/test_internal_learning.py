"""Internal learning: what is learnt, what is refused, and that nothing else decides."""

import numpy as np
import pytest
import torch

from ignn_toolbox.models.restorers.internal_learning import (
    InternalLearning,
    Pair,
    _blurred,
    _crop,
    _held_out,
    _rehearsal_crops,
    _windows,
    parse_steps,
)
from ignn_toolbox.ops import imresize
from ignn_toolbox.registry import MODELS


def network_of(scale=2, **options):
    torch.manual_seed(0)
    config = {"type": "EDSR", "scale": scale, "channels": 8, "num_blocks": 1, "compact": True}
    return MODELS.build(config | options).eval()


def stripes(height, width):
    """Stripes that recur across scales."""
    x = torch.arange(width) + 0.3 * torch.arange(height)[:, None]
    return (0.5 + 0.4 * torch.sign(torch.sin(x / 3))).expand(1, 3, height, width).contiguous()


def test_the_network_stays_and_its_copy_learns_the_picture():
    network, lq = network_of(), stripes(96, 112)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    learning = InternalLearning(steps=60, lr=3e-3, batch=4, rehearsal=0, crop=24)
    tuned, made = learning.tune(network, lq)
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert min(made.parts) > 1  # dB, where nothing was learnt from; this network learns anywhere
    pair = imresize(lq, 0.5)
    with torch.no_grad():
        before, after = ((n(pair) - lq).square().mean() for n in (network, tuned))
    assert after < 0.8 * before
    assert not tuned.training
    assert all(p.grad is None for p in tuned.parameters())


def test_the_same_picture_gives_the_same_bits_whatever_came_before():
    network, learning = network_of(), InternalLearning(steps=3, crop=16)
    lq, other = stripes(84, 90), torch.rand(1, 3, 90, 90)
    first, _ = learning.tune(network, lq)
    learning.tune(network, other)
    again, _ = learning.tune(network, lq)
    fresh, _ = InternalLearning(steps=3, crop=16).tune(network, lq)
    another, _ = InternalLearning(steps=3, crop=16, seed=1).tune(network, lq)
    for a, b, c in zip(first.parameters(), again.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)
    assert any(
        not torch.equal(a, b) for a, b in zip(first.parameters(), another.parameters(), strict=True)
    )


def test_changed_weights_are_compared_with_their_own_shift():
    network, learning = network_of(), InternalLearning(steps=2, crop=16)
    lq = stripes(84, 90)
    learning.tune(network, lq)
    with torch.no_grad():
        network.body_end.weight.mul_(0.5)
    assert learning.tune(network, lq)[1].shift == (
        InternalLearning(steps=2, crop=16).tune(network, lq)[1].shift
    )


def test_no_predicted_gain_leaves_the_network():
    network, lq = network_of(), torch.rand(1, 3, 90, 90)  # noise: nothing recurs
    tuned, made = InternalLearning(steps=2, gate=5.0, crop=16)(network, lq)
    assert tuned is network
    assert "predicted gain" in str(made)
    assert InternalLearning(steps=2, gate=None, crop=16)(network, lq)[0] is not network


@pytest.mark.parametrize(
    ("lq", "options", "reason"),
    [
        (torch.rand(1, 3, 80, 200), {}, "smaller than 84x84"),
        (torch.full((1, 3, 90, 90), 0.3), {}, "constant"),
    ],
)
def test_refusals_are_said_and_the_network_is_returned(lq, options, reason):
    network = network_of(**options)
    tuned, made = InternalLearning(steps=2)(network, lq)
    assert tuned is network
    assert reason in str(made)


def test_networks_without_a_pair_or_parameters():
    with pytest.raises(ValueError, match="does not enlarge"):
        InternalLearning(steps=1)(MODELS.build({"type": "Bicubic", "scale": 1}), stripes(90, 90))
    bicubic = MODELS.build({"type": "Bicubic", "scale": 2})
    assert "nothing to train" in str(InternalLearning(steps=1)(bicubic, stripes(90, 90))[1])


def test_graph_networks_search_the_reduced_picture():
    graph = {"type": "GraphAgg", "channels": 8, "scale": 2, "embedder": {"type": "RGBEmbedder"}}
    network = network_of(aggregator=graph, num_blocks=2)
    tuned, made = InternalLearning(steps=2, batch=2, rehearsal=2, crop=24).tune(
        network, stripes(90, 96)
    )
    assert tuned is not network
    assert np.isfinite(made.predicted)


@pytest.mark.parametrize("scale", [2, 3])
def test_crops_keep_out_of_what_is_held_out(scale):
    """Pixels carry their place."""
    height, width = 60, 150
    place = torch.arange(width, dtype=torch.float).expand(1, 1, height, width)
    pair = Pair(place.repeat_interleave(scale, 2).repeat_interleave(scale, 3), place, held=True)
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        hr, lr, _ = _crop([pair], 20, 8, scale, rng)
        assert torch.equal(hr[..., ::scale, ::scale], lr)
        seen |= set(lr.unique().int().tolist())
    held = {n for start, stop in _held_out(width) for n in range(start, stop)}
    assert not seen & held
    assert len(seen) > 0.7 * (width - len(held))


def test_large_pictures_are_sampled():
    windows = _windows(torch.rand(1, 1, 1500, 1700), 3, np.random.default_rng(0))
    assert len(windows) == 6
    assert {tuple(w.shape[-2:]) for w in windows} == {(510, 510)}
    (whole,) = _windows(torch.rand(1, 1, 101, 77), 3, np.random.default_rng(0))
    assert whole.shape[-2:] == (99, 75)


def test_blur_keeps_constants_and_spreads_a_point():
    constant = torch.full((1, 3, 12, 9), 0.4)
    torch.testing.assert_close(_blurred(constant, 1.3), constant)
    point = torch.zeros(1, 1, 15, 15)
    point[..., 7, 7] = 1
    spread = _blurred(point, 1.0)[0, 0]
    assert spread[7, 8] / spread[7, 7] == pytest.approx(np.exp(-0.5), rel=1e-5)


def test_rehearsal_crops_ship_with_the_package():
    crops = _rehearsal_crops(3, torch.device("cpu"))
    assert len(crops) == 12
    assert {tuple(c.shape) for c in crops} == {(1, 3, 144, 144)}
    assert min(float(c.std()) for c in crops) > 0.05
    assert _rehearsal_crops(1, torch.device("cpu"))[0].shape == (1, 1, 144, 144)


def test_steps_are_a_number_or_a_preset():
    assert parse_steps("fast") < parse_steps("best")
    assert parse_steps("17") == parse_steps(17) == 17
    for wrong in ("slow", "0", 0, "-3", "1.5"):
        with pytest.raises(ValueError, match="'fast', 'best' or a number"):
            parse_steps(wrong)
    with pytest.raises(ValueError, match="positive rate"):
        InternalLearning(lr=0)
