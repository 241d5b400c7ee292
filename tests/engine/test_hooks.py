"""Hooks of a training run, one at a time."""

from types import SimpleNamespace

import torch
from mmengine.hooks import LoggerHook

from ignn_toolbox.engine.hooks import RunStateHook


def read_after_each_iteration(device: str) -> list[int]:
    read: list[str] = []
    hub = SimpleNamespace(
        update_scalar=lambda name, value: read.append(name), pop_info=lambda name: None
    )
    runner = SimpleNamespace(hooks=[LoggerHook(interval=3)], message_hub=hub)
    hook, counts = RunStateHook(), []
    hook.before_run(runner)
    for runner.iter in range(5):
        hook.after_train_iter(runner, 0, outputs={"loss": torch.empty((), device=device)})
        counts.append(len(read))
    hook.after_train(runner)
    return [*counts, len(read)]


def test_losses_on_an_accelerator_are_read_when_the_log_is_due() -> None:
    assert read_after_each_iteration("meta") == [0, 0, 3, 3, 3, 5]
    assert read_after_each_iteration("cpu") == [1, 2, 3, 4, 5, 5]
