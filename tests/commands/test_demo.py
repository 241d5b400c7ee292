"""``ignn demo``: what it measures is what the protocol says, what it writes is safe."""

import numpy as np
import pytest
from PIL import Image

from ignn_toolbox.evaluation import score
from ignn_toolbox.restore import SRInferencer
from ignn_toolbox.visualization import demo
from ignn_toolbox.zoo.loading import init_model


def test_default_pictures_are_a_real_photograph_and_a_self_similar_pattern():
    (_, photograph), (_, pattern) = demo.pictures([])
    assert photograph.shape == (600, 512, 3)
    # The pattern recurs at half its size, up to the drawing's own resolution.
    half = np.asarray(Image.fromarray(pattern).resize((96, 96), Image.Resampling.BOX), int)
    centre = pattern[48:144, 48:144].astype(int)
    ring = np.hypot(*(np.indices((96, 96)) - 47.5)) < 47
    ring &= np.hypot(*(np.indices((96, 96)) - 47.5)) > 20
    assert np.abs(half - centre)[ring].mean() < 3


def test_scores_are_those_of_the_inferencer_under_the_protocol(tiny_checkpoint):
    original = demo.pattern(64)
    restorer = init_model(tiny_checkpoint)
    bicubic, tiny = demo.compare(original, {"tiny": restorer}, 2)
    # Pillow's bicubic kernel is MATLAB's, but for borders and intermediate rounding.
    small = Image.fromarray(original).resize((32, 32), Image.Resampling.BICUBIC)
    large = np.asarray(small.resize((64, 64), Image.Resampling.BICUBIC))
    assert bicubic.psnr == pytest.approx(score(large, original, 2)[0], abs=0.3)
    (restored,) = SRInferencer(restorer, device="cpu")(_shrunk(original))
    assert (tiny.psnr, tiny.ssim) == score(restored, original, 2)


def _shrunk(original):
    import torch

    from ignn_toolbox.ops import imresize_uint8

    planes = torch.from_numpy(original.transpose(2, 0, 1).copy())
    return imresize_uint8(planes, 0.5).permute(1, 2, 0).numpy()


def test_demo_prints_a_table_and_draws_without_overwriting(cli, tmp_path, tiny_checkpoint):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (61, 70), dtype=np.uint8)).save(tmp_path / "mine.png")
    output = tmp_path / "new" / "drawing.png"
    words = ("demo", tmp_path / "mine.png", "-o", output, "--model", tiny_checkpoint)
    status, out, err = cli(*words)
    assert status == 0, err
    for text in ("mine.png", "bicubic", "tiny_x2", "PSNR", "y-float"):
        assert text in out
    assert Image.open(output).size[0] > 400
    before = output.read_bytes()
    status, _, err = cli(*words)
    assert status == 1
    assert "--overwrite" in err
    assert output.read_bytes() == before
    assert cli(*words, "--overwrite")[0] == 0
