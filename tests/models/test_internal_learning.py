"""Internal learning: what is learnt, what is refused, and that nothing else decides."""

import re

import numpy as np
import pytest
import torch

from ignn_toolbox.models.colour import to_luma
from ignn_toolbox.models.restorers.internal_learning import InternalLearning, parse_steps
from ignn_toolbox.models.restorers.own_pairs import (
    Pair,
    picture_pairs,
    random_crop,
    reduced_pair,
    rehearsal_pairs,
)
from ignn_toolbox.models.restorers.reduction import Reduction
from ignn_toolbox.models.restorers.tuning import between, squared_error
from ignn_toolbox.ops import imresize
from ignn_toolbox.registry import MODELS

from .tiny import NETWORKS


def network_of(scale=2, **options):
    torch.manual_seed(0)
    config = {"type": "EDSR", "scale": scale, "channels": 8, "num_blocks": 1, "compact": True}
    return MODELS.build(config | options).eval()


def stripes(height, width):
    """Stripes that recur across scales."""
    x = torch.arange(width) + 0.3 * torch.arange(height)[:, None]
    return (0.5 + 0.4 * torch.sign(torch.sin(x / 3))).expand(1, 3, height, width).contiguous()


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_the_network_stays_and_its_copy_learns_the_picture():
    network, lq = network_of(), stripes(96, 112)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    learning = InternalLearning(steps=60, lr=3e-3, batch=4, rehearsal=0, crop=24, share=1)
    assert learning.predict(network, lq) > 1  # dB; this network learns anywhere
    tuned = learning.tune(network, lq)
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name]), name
    pair = imresize(lq, 0.5)
    with torch.no_grad():
        before, after = ((n(pair) - lq).square().mean() for n in (network, tuned))
    assert after < 0.8 * before
    assert not tuned.training
    assert all(p.grad is None for p in tuned.parameters())


def test_the_prediction_never_sees_what_it_is_judged_by():
    """One scale down, with the picture as the truth: what it learns from is made of its reduction.

    Of two pictures with one reduction the same is learnt, and each judges it by its own pixels.
    """
    network, lq = network_of(), stripes(96, 112)
    checks = (torch.arange(96)[:, None] + torch.arange(112)) % 2 * 2 - 1
    other = lq + 0.02 * checks  # gone after the reduction
    learning = InternalLearning(steps=3, crop=16, share=1)
    learning._seed_of = lambda lq: 0
    seen = []
    learning._tuned = lambda network, pairs, *rest: (
        seen.append(pairs),
        InternalLearning._tuned(learning, network, pairs, *rest),
    )[1]
    gains = [learning.predict(network, picture) for picture in (lq, other)]
    for mine, yours in zip(*seen, strict=True):
        torch.testing.assert_close(mine, yours, atol=1.01 / 255, rtol=0)
    assert gains[0] != gains[1]
    (pair,) = picture_pairs(lq, 2, Reduction(), np.random.default_rng(0))
    assert seen[0][0].hr.shape == pair.lr.shape
    assert torch.equal(seen[0][0].hr, pair.lr)


def test_the_same_picture_gives_the_same_bits_whatever_came_before():
    network, learning = network_of(), InternalLearning(steps=3, crop=16, gate=None)
    lq, other = stripes(84, 90), torch.rand(1, 3, 90, 90)
    first, made = learning(network, lq)
    assert made.predicted is None
    learning(network, other)
    assert equal(first, learning(network, lq)[0])
    assert equal(first, InternalLearning(steps=3, crop=16, gate=-99)(network, lq)[0])
    assert not equal(first, InternalLearning(steps=3, crop=16, seed=1).tune(network, lq))


def test_the_share_of_the_way_to_the_tuned_weights():
    network, lq = network_of(), stripes(84, 90)
    whole, half = (
        InternalLearning(steps=3, crop=16, share=share).tune(network, lq) for share in (1, 0.5)
    )
    for old, mine, new in zip(
        network.parameters(), half.parameters(), whole.parameters(), strict=True
    ):
        torch.testing.assert_close(mine, (old + new) / 2)
    assert equal(between(network, whole, 1.0), whole)
    assert InternalLearning().share < InternalLearning(kernel="gaussian:1.6").share == 1


def test_no_predicted_gain_leaves_the_network_at_once():
    network, lq, steps = network_of(), torch.rand(1, 3, 90, 90), []
    learning = InternalLearning(steps=2, gate=5.0, crop=16)
    tuned, made = learning(network, lq, lambda done, total: steps.append((done, total)))
    assert tuned is network
    assert "is predicted, less than 5" in str(made)
    assert steps == [(1, 4), (2, 4)]
    steps.clear()
    learning.gate = None
    tuned, made = learning(network, lq, lambda done, total: steps.append((done, total)))
    assert tuned is not network
    assert re.fullmatch(r"tuned in \d+ s", str(made))
    assert steps == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("lq", "options", "reason"),
    [
        (torch.rand(1, 3, 47, 200), {}, "smaller than 48x48"),
        (torch.rand(1, 3, 200, 107), {"scale": 3}, "smaller than 108x108"),
        (torch.full((1, 3, 90, 90), 0.3), {}, "constant"),
    ],
)
def test_refusals_are_said_and_the_network_is_returned(lq, options, reason):
    network = network_of(**options)
    tuned, made = InternalLearning(steps=2)(network, lq)
    assert tuned is network
    assert reason in str(made)
    assert made.predicted is None


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_smallest_picture_that_is_taken(scale):
    side = 12 * scale**2
    learning = InternalLearning(steps=1, batch=1, rehearsal=1, gate=-99)
    _, made = learning(network_of(scale), torch.rand(1, 3, side, side + 1))
    assert not made.refused
    assert np.isfinite(made.predicted)


def test_networks_without_a_pair_or_parameters():
    with pytest.raises(ValueError, match="does not enlarge"):
        InternalLearning(steps=1)(MODELS.build({"type": "Bicubic", "scale": 1}), stripes(90, 90))
    bicubic = MODELS.build({"type": "Bicubic", "scale": 2})
    assert "nothing to train" in str(InternalLearning(steps=1)(bicubic, stripes(90, 90))[1])
    frozen = network_of().requires_grad_(False)
    assert "nothing to train" in str(InternalLearning(steps=1)(frozen, stripes(90, 90))[1])


def test_frozen_parameters_stay():
    network = network_of()
    network.stem.requires_grad_(False)
    tuned = InternalLearning(steps=2, crop=16).tune(network, stripes(84, 90))
    assert torch.equal(tuned.stem.weight, network.stem.weight)
    assert not torch.equal(tuned.body_end.weight, network.body_end.weight)


def test_graph_networks_search_the_reduced_picture():
    graph = {"type": "GraphAgg", "channels": 8, "scale": 2, "embedder": {"type": "RGBEmbedder"}}
    network = network_of(aggregator=graph, num_blocks=2)
    learning = InternalLearning(steps=2, batch=2, rehearsal=2, crop=24, gate=-99)
    tuned, made = learning(network, stripes(90, 96))
    assert tuned is not network
    assert np.isfinite(made.predicted)


def test_a_stopped_tuning_leaves_the_network():
    network, lq = network_of(), stripes(84, 90)
    state = [p.clone() for p in network.parameters()]

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        InternalLearning(steps=3, crop=16)(network, lq, stop)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), state, strict=True))
    assert all(p.grad is None for p in network.parameters())


def test_errors_leave_out_a_border():
    network = MODELS.build({"type": "Bicubic", "scale": 3})
    lr = torch.full((1, 3, 10, 12), 102 / 255)
    hr = torch.full((1, 3, 30, 36), 102 / 255)
    hr[..., :3, :] = hr[..., -3:] = 0
    inside = squared_error(network, [Pair(hr, lr)])
    assert inside < 1e-9
    hr[..., 3, 5] -= 0.25
    assert squared_error(network, [Pair(hr, lr)] * 2) == pytest.approx(2 * 3 * 0.25**2, rel=1e-4)


@pytest.mark.parametrize("scale", [2, 3])
def test_crops_are_parts_of_the_pair_turned_alike(scale):
    """Pixels carry their place."""
    place = torch.arange(60.0 * 150).reshape(1, 1, 60, 150)
    hr = place.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    pair = Pair(hr, place)
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        crop = random_crop([pair], 20, scale, rng)
        assert torch.equal(crop.hr[..., ::scale, ::scale], crop.lr)
        seen |= set(crop.lr.unique().int().tolist())
    assert len(seen) > 0.9 * place.numel()


def test_large_pictures_are_sampled():
    rng = np.random.default_rng(0)
    pairs = picture_pairs(torch.rand(1, 1, 1500, 1700), 3, Reduction(), rng)
    assert len(pairs) == 6
    assert {tuple(pair.hr.shape[-2:]) for pair in pairs} == {(510, 510)}
    (whole,) = picture_pairs(torch.rand(1, 1, 101, 97), 3, Reduction(), rng)
    assert whole.hr.shape[-2:] == (99, 96)
    assert reduced_pair(whole, 3, Reduction()).lr.shape[-2:] == (11, 10)


def test_rehearsal_crops_ship_with_the_package():
    pairs = rehearsal_pairs(3, 2, Reduction(), torch.device("cpu"))
    assert len(pairs) == 12
    assert {tuple(pair.hr.shape) for pair in pairs} == {(1, 3, 144, 144)}
    assert min(float(pair.hr.std()) for pair in pairs) > 0.05
    luma = rehearsal_pairs(1, 3, Reduction(), torch.device("cpu"))
    assert luma[0].lr.shape == (1, 1, 48, 48)


def test_steps_are_a_number_or_a_preset():
    assert parse_steps("fast") < parse_steps("best")
    assert parse_steps("17") == parse_steps(17) == 17
    for wrong in ("slow", "0", 0, "-3", "1.5"):
        with pytest.raises(ValueError, match="'fast', 'best' or a number"):
            parse_steps(wrong)
    for options in ({"lr": 0}, {"batch": 0}, {"crop": 4}):
        with pytest.raises(ValueError, match="positive rate"):
            InternalLearning(**options)
    for share in (0, 1.5):
        with pytest.raises(ValueError, match=f"share={share}"):
            InternalLearning(share=share)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_that_enlarges_is_tuned(name):
    torch.manual_seed(0)
    network = MODELS.build({"type": name} | NETWORKS[name]).eval()
    scale, learning = network.spec.scale, InternalLearning(1, 1e-2, 1, 16, 1, gate=-99)
    side = scale**2 * max(12, network.spec.min_size)
    lq = torch.rand(1, 3, side, side + 3)
    if scale == 1:
        with pytest.raises(ValueError, match=f"{name} does not enlarge"):
            learning(network, lq)
        return
    tuned, made = learning(network, lq)
    if name in ("Bicubic", "GraphAggStar"):  # of no parameters
        assert tuned is network
        return
    assert np.isfinite(made.predicted)
    assert not equal(tuned, network)
    with torch.no_grad():
        assert tuned(to_luma(lq) if network.spec.colour == "luma" else lq).isfinite().all()
