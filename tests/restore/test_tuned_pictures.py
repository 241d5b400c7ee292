"""Internal learning beside all else that a restored picture goes through."""

import numpy as np
import pytest
import torch

from ignn_toolbox.models.restorers import InternalLearning
from ignn_toolbox.registry import MODELS
from ignn_toolbox.restore import SRInferencer


def model(scale=2, **options):
    torch.manual_seed(0)
    network = {"type": "EDSR", "scale": scale, "channels": 8, "num_blocks": 1, "compact": True}
    return MODELS.build({"type": "Restorer", "network": network | options}).eval()


def tuned_by(learning=None, **options):
    learning = learning or InternalLearning(steps=2, crop=16, lr=1e-2, gate=None)
    inferencer = SRInferencer(model(), device="cpu", adapt=learning, **options)
    inferencer.told = []
    inferencer.report = inferencer.told.append
    return inferencer


def waves(height=60, width=72, channels=3, period=9.0):
    x = np.arange(width) + 0.4 * np.arange(height)[:, None]
    grey = 127.5 + 100 * np.sin(2 * np.pi * x / period)
    return np.uint8(grey)[:, :, None].repeat(channels, 2)


def test_order_and_neighbours_change_no_bit():
    pictures = [waves(period=period) for period in (6, 9, 14)]
    forwards = list(tuned_by()(pictures))
    backwards = list(tuned_by()(pictures[::-1]))[::-1]
    alone = [next(tuned_by()(picture)) for picture in pictures]
    for a, b, c in zip(forwards, backwards, alone, strict=True):
        assert np.array_equal(a, b)
        assert np.array_equal(a, c)
    plain = next(SRInferencer(model(), device="cpu")(pictures[0]))
    assert not np.array_equal(forwards[0], plain)


def test_tiles_and_self_ensemble_restore_with_the_tuned_network():
    picture = waves()
    whole, tiled = (next(tuned_by(tile=tile)(picture)).astype(int) for tile in (None, 24))
    assert np.abs(whole - tiled).max() <= 1  # rounding of sums in another order
    network = model().network
    lq = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    tuned, _ = InternalLearning(steps=2, crop=16, lr=1e-2, gate=None)(network, lq)
    eight = next(tuned_by(self_ensemble=True)(picture))
    restorer = model()
    restorer.network = tuned
    expected = next(SRInferencer(restorer, device="cpu", self_ensemble=True)(picture))
    assert np.array_equal(eight, expected)


def test_depth_grey_and_transparency_are_kept():
    deep = waves().astype(np.uint16) * 257
    clear = waves(channels=4)
    clear[:20, :, 3] = 0
    for picture in (deep, clear, waves(channels=1), waves(channels=1)[:, :, 0]):
        inferencer = tuned_by()
        (restored,) = inferencer(picture)
        assert restored.dtype == picture.dtype
        assert restored.shape == (120, 144, *picture.shape[2:])
        assert [text.split(" in ")[0] for text in inferencer.told] == ["tuned"]
    eight, sixteen = (next(tuned_by()(picture)).astype(float) for picture in (waves(), deep))
    assert np.abs(sixteen / 257 - eight).max() < 1  # tuned alike


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (waves(47, 100), "smaller than 48x48"),
        (np.full((60, 60, 3), 90, np.uint8), "nearly constant"),
        (waves(), "dB is predicted, less than 99"),
    ],
)
def test_what_is_not_tuned_is_restored_as_without(picture, reason):
    inferencer = tuned_by(InternalLearning(steps=1, crop=16, gate=99))
    (restored,) = inferencer(picture)
    assert np.array_equal(restored, next(SRInferencer(model(), device="cpu")(picture)))
    assert len(inferencer.told) == 1
    assert inferencer.told[0].startswith("not tuned: ")
    assert reason in inferencer.told[0]


def test_progress_of_tuning_and_of_restoring():
    inferencer, tuning, restoring = tuned_by(), [], []
    inferencer.tuning = lambda *moved: tuning.append(moved)
    inferencer.progress = lambda *moved: restoring.append(moved)
    next(inferencer(waves()))
    assert tuning == [(1, 2), (2, 2)]
    done, total = restoring[-1]
    assert done == total > 0


def test_a_stop_while_tuning_stops_and_leaves_the_model():
    inferencer, restorer = tuned_by(), model()
    state = [p.clone() for p in restorer.parameters()]

    def stop(done, total):
        raise KeyboardInterrupt

    inferencer.tuning = stop
    with pytest.raises(KeyboardInterrupt):
        next(inferencer(waves()))
    inferencer.tuning = lambda done, total: None
    assert np.array_equal(next(inferencer(waves())), next(tuned_by()(waves())))
    assert all(torch.equal(a, b) for a, b in zip(restorer.parameters(), state, strict=True))


def test_a_model_that_does_not_enlarge_is_refused_by_name():
    restorer = MODELS.build({"type": "Restorer", "network": {"type": "Bicubic", "scale": 1}})
    with pytest.raises(ValueError, match="Bicubic does not enlarge"):
        next(SRInferencer(restorer, device="cpu", adapt="fast")(waves()))


def test_a_kernel_belongs_to_tuning():
    with pytest.raises(ValueError, match="--adapt-kernel"):
        SRInferencer(model(), device="cpu", adapt_kernel="gaussian:1.2")
    with pytest.raises(ValueError, match="gaussian:SIGMA"):
        SRInferencer(model(), device="cpu", adapt=1, adapt_kernel="gaussian:x")
