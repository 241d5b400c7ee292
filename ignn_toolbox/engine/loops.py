"""Loops for mmengine's runner: training that resumes at once, evaluation over several sets."""

import copy
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.runner import BaseLoop

from ..registry import LOOPS
from .distributed import gather_objects
from .sampler import IterationSampler


@LOOPS.register_module()
class IterationTrainLoop(BaseLoop):
    """Trains for a number of iterations over an endless stream of samples.

    mmengine's own loop loads and throws away every batch that an interrupted run has seen. Here
    the sampler is told where to start, and workers start only once that is known.

    Args:
        runner: The runner.
        dataloader: Config of the loader; its sampler must be an ``IterationSampler``.
        max_iters: Iterations in all, those before a resume included.
        val_interval: Iterations between validations; the last iteration is always validated.

    Raises:
        ValueError: A number is not positive, the sampler is another one, or the processes hold
            different numbers of samples.
    """

    def __init__(
        self,
        runner: Any,
        dataloader: dict[str, Any],
        max_iters: int,
        val_interval: int = 1000,
    ) -> None:
        for name, value in (("max_iters", max_iters), ("val_interval", val_interval)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive whole number, got {value}")
        super().__init__(runner, dataloader)
        if not isinstance(self.dataloader.sampler, IterationSampler):
            raise ValueError(
                "train_dataloader.sampler must be dict(type='IterationSampler'), got "
                f"{type(self.dataloader.sampler).__name__}"
            )
        counts = gather_objects(len(self.dataloader.dataset))
        if len(set(counts)) > 1:
            raise ValueError(
                f"the processes found different numbers of training samples, {counts}; "
                "every node needs the same data"
            )
        self.max_iters = max_iters
        self.max_epochs = 1
        self.val_interval = val_interval
        self.val_begin = 1
        self.epoch = 0
        self.iter = 0
        self.samples_drawn = 0
        self.validated = 0
        self.data_wait = 0.0
        self.stop_training = False

    @property
    def global_batch(self) -> int:
        """Samples per iteration over all processes."""
        return self.dataloader.batch_size * get_world_size()

    def state_dict(self) -> dict[str, int]:
        """Where the run stands: iterations, samples drawn by all processes, last validation."""
        return {
            "iter": self.iter,
            "samples_drawn": self.samples_drawn,
            "validated": self.validated,
        }

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Set the position from which `run` goes on."""
        self.iter = state["iter"]
        self.samples_drawn = state["samples_drawn"]
        self.validated = state["validated"]

    def validation_due(self, iterations: int) -> bool:
        """Whether this many iterations are to be followed by a validation not done yet."""
        due = iterations % self.val_interval == 0 or iterations == self.max_iters
        return due and iterations > self.validated and self.runner.val_loop is not None

    def run(self) -> torch.nn.Module:
        """Train until ``max_iters`` or until a hook sets ``stop_training``."""
        runner = self.runner
        runner.call_hook("before_train")
        runner.call_hook("before_train_epoch")
        self._validate_if_due()
        if self.iter < self.max_iters:
            self.dataloader.sampler.start = self.samples_drawn
            batches = iter(self.dataloader)
        runner.model.train()
        while self.iter < self.max_iters and not self.stop_training:
            begun = time.perf_counter()
            batch = next(batches)
            self.data_wait = time.perf_counter() - begun
            self.samples_drawn += self.global_batch
            self._step(batch)
            self._validate_if_due()
        runner.call_hook("after_train_epoch")
        runner.call_hook("after_train")
        return runner.model

    def _step(self, batch: Any) -> None:
        runner = self.runner
        runner.call_hook("before_train_iter", batch_idx=self.iter, data_batch=batch)
        outputs = runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)
        runner.call_hook("after_train_iter", batch_idx=self.iter, data_batch=batch, outputs=outputs)
        self.iter += 1

    def _validate_if_due(self) -> None:
        if self.stop_training or not self.validation_due(self.iter):
            return
        self.validated = self.iter
        self.runner.val_loop.run()
        self.runner.model.train()


class _MultiSetLoop(BaseLoop):
    """Evaluates one data set after the other and merges their figures.

    Args:
        runner: The runner.
        dataloader: Config of one loader, or a list of them, one a data set.
        evaluator: Config of the metrics; each data set gets its own copy.
    """

    mode: str

    def __init__(
        self,
        runner: Any,
        dataloader: dict[str, Any] | Sequence[dict[str, Any]],
        evaluator: dict[str, Any] | list[dict[str, Any]],
    ) -> None:
        self._runner = runner
        configs = [dataloader] if isinstance(dataloader, Mapping) else list(dataloader)
        self.dataloaders = [runner.build_dataloader(item, seed=runner.seed) for item in configs]
        self.evaluators = []
        for loader in self.dataloaders:
            built = runner.build_evaluator(copy.deepcopy(evaluator))
            built.dataset_meta = loader.dataset.metainfo
            self.evaluators.append(built)
        # mmengine's hooks ask the loop for "the" loader: the one that is being evaluated.
        self.dataloader = self.dataloaders[0]
        self.evaluator = self.evaluators[0]

    def run(self) -> dict[str, float]:
        """Evaluate every set.

        Returns:
            The figures of all sets, keys such as ``Set5/PSNR``.
        """
        runner, mode = self.runner, self.mode
        runner.call_hook(f"before_{mode}")
        runner.call_hook(f"before_{mode}_epoch")
        runner.model.eval()
        metrics: dict[str, float] = {}
        for loader, evaluator in zip(self.dataloaders, self.evaluators, strict=True):
            self.dataloader, self.evaluator = loader, evaluator
            for index, batch in enumerate(loader):
                self._step(index, batch)
            metrics |= evaluator.evaluate(len(loader.dataset))
        runner.call_hook(f"after_{mode}_epoch", metrics=metrics)
        runner.call_hook(f"after_{mode}")
        return metrics

    @torch.no_grad()
    def _step(self, index: int, batch: Any) -> None:
        runner, mode = self.runner, self.mode
        runner.call_hook(f"before_{mode}_iter", batch_idx=index, data_batch=batch)
        start = time.perf_counter()
        outputs = getattr(runner.model, f"{mode}_step")(batch)
        seconds = (time.perf_counter() - start) / len(outputs)
        for output in outputs:
            output.set_metainfo({"seconds": seconds})
        self.evaluator.process(data_samples=outputs, data_batch=batch)
        runner.call_hook(f"after_{mode}_iter", batch_idx=index, data_batch=batch, outputs=outputs)


@LOOPS.register_module()
class MultiValLoop(_MultiSetLoop):
    """Validation over one or several data sets."""

    mode = "val"


@LOOPS.register_module()
class MultiTestLoop(_MultiSetLoop):
    """Test over one or several benchmark sets."""

    mode = "test"
