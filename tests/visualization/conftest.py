"""Results with pictures, for reports."""

from pathlib import Path

import numpy as np
import pytest

from ignn_toolbox.evaluation import Results, evaluate
from ignn_toolbox.images import write_image


@pytest.fixture
def scored(tmp_path: Path) -> list[Results]:
    """Two methods on three pictures of 96x120 at scale 2; the second is better, and worst at b."""
    rng = np.random.default_rng(0)
    for name in ("a", "b #<b>%", "c"):
        truth = np.kron(rng.integers(0, 256, (12, 15, 3)), np.ones((8, 8, 1)))
        write_image(tmp_path / "Set3" / f"{name}.png", truth.astype(np.uint8))
        for method, sigma in (("weak", 20), ("good", 12 if name == "b #<b>%" else 5)):
            noisy = np.clip(truth + rng.normal(0, sigma, truth.shape), 0, 255).astype(np.uint8)
            write_image(tmp_path / method / f"{name}.png", noisy)
    results = []
    for method in ("weak", "good"):
        images = evaluate(tmp_path / method, tmp_path / "Set3", 2).images
        folders = {"gt_dirs": tmp_path / "Set3", "sr_dirs": tmp_path / method}
        info = {key: {"Set3": str(folder)} for key, folder in folders.items()}
        results.append(Results(method, 2, images, info))
    return results
