"""The recipes' learning rates, stepped through at a thousandth of their length."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS

from ignn_toolbox.zoo.paths import configs_dir

SCHEDULES = configs_dir() / "_base_/schedules"


def rates(name: str) -> list[float]:
    """Learning rate before each thousandth iteration of a schedule."""
    config = Config.fromfile(SCHEDULES / f"{name}.py")
    iterations = config.train_cfg.max_iters // 1000
    optimizer = torch.optim.Adam([torch.zeros(1)], lr=config.optim_wrapper.optimizer.lr)
    items = config.param_scheduler
    schedulers = []
    for item in items if isinstance(items, list) else [items]:
        short = {key: _thousandth(value) for key, value in item.items()}
        short.setdefault("end", iterations)
        schedulers.append(PARAM_SCHEDULERS.build(short | {"optimizer": optimizer}))
    found = []
    for _ in range(iterations):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return found


def _thousandth(value):
    if isinstance(value, list):
        return [_thousandth(item) for item in value]
    return value // 1000 if isinstance(value, int) and value >= 1000 else value


@pytest.mark.parametrize(
    ("name", "length", "expected"),
    [
        ("ignn_paper_800k", 800, {0: 1e-4, 199: 1e-4, 200: 5e-5, 400: 2.5e-5, 600: 1.25e-5}),
        (
            "ignn_released_800k",
            800,
            {149: 1e-4, 150: 5e-5, 310: 2.5e-5, 470: 1.25e-5, 630: 6.25e-6},
        ),
        ("edsr_300k", 300, {0: 1e-4, 199: 1e-4, 200: 5e-5, 299: 5e-5}),
        ("ignn_restarts_800k", 800, {0: 1e-6, 2: 1e-4, 116: 1e-4, 344: 1e-4, 115: 1e-7, 799: 1e-7}),
        ("tiny_cosine", 60, {0: 1e-3, 30: 5e-4}),
    ],
)
def test_rates_are_those_of_the_recipe(name: str, length: int, expected: dict) -> None:
    found = rates(name)
    assert len(found) == length
    for iteration, rate in expected.items():
        assert found[iteration] == pytest.approx(rate, rel=0.02, abs=3e-8)
