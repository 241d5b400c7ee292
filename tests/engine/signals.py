"""A signal at a chosen iteration."""

import os
import signal

from mmengine.hooks import Hook

from ignn_toolbox.registry import HOOKS


@HOOKS.register_module()
class SignalHook(Hook):
    """Sends this process a signal before the iteration of a number (counted from 0)."""

    def __init__(self, at: int, number: int) -> None:
        self.at, self.number = at, number

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter == self.at:
            os.kill(os.getpid(), self.number)


def at(iteration: int, number: signal.Signals) -> dict:
    """An option that makes a run receive a signal."""
    return {"default_hooks.signal": dict(type="SignalHook", at=iteration, number=int(number))}
