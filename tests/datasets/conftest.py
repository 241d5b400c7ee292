"""Small image folders for the data set tests."""

from pathlib import Path

import numpy as np
import pytest

from ignn_toolbox.datasets.degradations import bicubic_lr
from ignn_toolbox.images import write_image


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A noisy ramp (height, width, 3), uint8, in which every place can be told apart."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def hr_dir(tmp_path: Path) -> Path:
    """Three HR images of 24x36 in ``<tmp>/Set3/HR``."""
    for index, name in enumerate(["a", "b", "c"]):
        write_image(tmp_path / "Set3" / "HR" / f"{name}.png", picture(24, 36, index))
    return tmp_path / "Set3" / "HR"


@pytest.fixture
def lr_dir(hr_dir: Path) -> Path:
    """Their LR images at scale 2 in ``<tmp>/Set3/LR``."""
    for index, path in enumerate(sorted(hr_dir.iterdir())):
        lr = bicubic_lr(picture(24, 36, index), 2)
        write_image(hr_dir.parent / "LR" / path.name, lr)
    return hr_dir.parent / "LR"
