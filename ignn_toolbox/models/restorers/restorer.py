"""The trainable whole: preprocessor, network, loss."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from ...datasets.data_sample import SRDataSample
from ...ops import imresize
from ...registry import MODELS
from ..checks import check_is_loss, check_is_network, check_loss
from ..colour import in_own_planes, restore_in_colour
from ..spec import Given, Outputs
from ..steps import Network
from .freeze import freeze_but
from .internal_learning import InternalLearning
from .official_chop import OfficialChop
from .self_ensemble import SelfEnsemble


@MODELS.register_module()
class Restorer(BaseModel):
    """A restoration network with its loss, in mmengine's three modes.

    Args:
        network: Config of a backbone.
        loss: Config of a pixel loss; needed for training only.
        data_preprocessor: Config of the preprocessor.
        self_ensemble: Whether ``mode='predict'`` averages over eight flips and transpositions.
        test_procedure: How ``mode='predict'`` runs the network: ``'whole'`` on whole images;
            ``'official'`` in the tiles of its method's released code, see `OfficialChop`, and with
            one downsampled image that the self-ensemble transforms along.
        output_weights: Of the losses of a network's outputs in training, the result's last; 1 each
            by default. Smaller outputs are compared with the ground truth reduced by the exact
            bicubic.
        train_only: Names of the network's parts that train, such as ``['aggregator', 'fuse_hr']``;
            the others keep their weights. All train by default.
        adapt: Config of `InternalLearning`, with which ``mode='predict'`` tunes the network on each
            picture before restoring it.
        init_cfg: mmengine's initialisation config.
    """

    def __init__(
        self,
        network: dict,
        loss: dict | None = None,
        data_preprocessor: dict | None = None,
        self_ensemble: bool = False,
        test_procedure: Literal["whole", "official"] = "whole",
        output_weights: Sequence[float] | None = None,
        train_only: Sequence[str] | None = None,
        adapt: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        preprocessor = MODELS.build(data_preprocessor or {"type": "ImagePreprocessor"})
        super().__init__(preprocessor, init_cfg)
        self.network = MODELS.build(network)
        check_is_network(self.network)
        self.loss_fn = None if loss is None else MODELS.build(loss)
        if self.loss_fn is not None:
            check_is_loss(self.loss_fn)
        self.self_ensemble = self_ensemble
        self.output_weights = output_weights
        self.adapt: InternalLearning | None = None if adapt is None else MODELS.build(adapt)
        if not isinstance(self.adapt, InternalLearning | None):
            raise TypeError(f"adapt is {type(self.adapt).__name__}, not InternalLearning")
        if test_procedure not in ("whole", "official"):
            raise ValueError(
                f"test_procedure must be 'whole' or 'official', got {test_procedure!r}"
            )
        self.test_procedure = test_procedure
        self._kept = () if train_only is None else freeze_but(self.network, train_only)

    def train(self, mode: bool = True) -> Restorer:
        """Switch to training or evaluation; statistics of parts that do not train stay."""
        super().train(mode)
        for layer in self._kept:
            layer.eval()
        return self

    @property
    def scale(self) -> int:
        """How many times larger a result is than its input."""
        return self.network.spec.scale

    def forward(
        self,
        inputs: Tensor,
        data_samples: list[SRDataSample] | None = None,
        mode: str = "tensor",
    ) -> Tensor | list[SRDataSample] | dict[str, Tensor]:
        """Run the network.

        Args:
            inputs: ``(N, 3, H, W)`` RGB in [0, 1].
            data_samples: Ground truth and names, one for each image.
            mode: ``'tensor'`` returns the raw output, ``'predict'`` the samples with ``pred_img``
                (on the CPU, clamped to [0, 1]), ``'loss'`` a dict with the loss.

        Raises:
            ValueError: ``mode`` is unknown, or the ground truth is not ``scale`` times the input.
        """
        if mode == "tensor":
            return self.network(inputs)
        if mode == "predict":
            return self.predict(inputs, data_samples)
        if mode == "loss":
            return self.loss(inputs, data_samples)
        raise ValueError(f"mode must be 'tensor', 'predict' or 'loss', got {mode!r}")

    def loss(self, inputs: Tensor, data_samples: list[SRDataSample] | None) -> dict[str, Tensor]:
        """Training loss of a batch."""
        if self.loss_fn is None or not data_samples:
            raise ValueError("mode='loss' needs a loss in the config and data samples with gt_img")
        self._check_scale(inputs, data_samples)
        gt = self.data_preprocessor.stack_gt(data_samples)
        spec = self.network.spec
        inputs, gt = in_own_planes(inputs, spec), in_own_planes(gt, spec)
        out = self.network(inputs)
        if not isinstance(out, Outputs):
            return {"loss": self._penalty(out, gt)}
        made, scales = [*out.earlier, out.sr], spec.outputs
        weights = self.output_weights or [1.0] * len(made)
        if len(weights) != len(made):
            raise ValueError(
                f"output_weights has {len(weights)} numbers, but {type(self.network).__name__} has "
                f"{len(made)} outputs"
            )
        targets = {s: gt if s == spec.scale else imresize(gt, s / spec.scale) for s in {*scales}}
        losses = [
            weight * self._penalty(image, targets[scale])
            for weight, image, scale in zip(weights, made, scales, strict=True)
        ]
        return {"loss": torch.stack(losses).sum()}

    def _penalty(self, image: Tensor, target: Tensor) -> Tensor:
        assert self.loss_fn is not None
        value = self.loss_fn(image.float(), target)
        check_loss(self.loss_fn, value)
        return value

    @torch.no_grad()
    def predict(
        self, inputs: Tensor, data_samples: list[SRDataSample] | None = None
    ) -> list[SRDataSample]:
        """Super-resolve a batch and attach the results to its samples."""
        if data_samples is None:
            data_samples = [SRDataSample(metainfo={"scale": self.scale}) for _ in inputs]
        elif all("gt_img" in sample for sample in data_samples):
            self._check_scale(inputs, data_samples)
        started = time.perf_counter()
        if self.adapt is None:
            pred = self._super_resolve(inputs, self.network)
        else:
            adapted = zip(inputs.split(1), data_samples, strict=True)
            pred = torch.cat([self._adapted(self.adapt, lq, sample) for lq, sample in adapted])
        pred = pred.float().clamp(0, 1).cpu()
        seconds = (time.perf_counter() - started) / len(inputs)
        for sample, image in zip(data_samples, pred, strict=True):
            sample.pred_img = image
            sample.set_metainfo({"seconds": seconds})
        return data_samples

    def _adapted(self, adapt: InternalLearning, lq: Tensor, sample: SRDataSample) -> Tensor:
        network, made = adapt(self.network, lq)
        sample.set_metainfo({"tuned": int(not made.refused), "predicted_gain": made.predicted})
        return self._super_resolve(lq, network)

    def _super_resolve(self, lq: Tensor, network: Network) -> Tensor:
        given: Given | None = None
        restore: nn.Module = network
        if self.test_procedure == "official":
            restore = chop = OfficialChop(network)
            given = chop.shared(lq) if self.self_ensemble else None
        if self.self_ensemble:
            restore = SelfEnsemble(restore)
        return restore_in_colour(lambda x: restore(x, given), self.network.spec, lq)

    def _check_scale(self, inputs: Tensor, samples: list[SRDataSample]) -> None:
        expected = tuple(self.scale * n for n in inputs.shape[-2:])
        for sample in samples:
            if tuple(sample.gt_img.shape[-2:]) != expected:
                given = "x".join(str(n) for n in sample.gt_img.shape[-2:])
                raise ValueError(
                    f"{sample.get('name', 'an image')}: a x{self.scale} model makes "
                    f"{expected[0]}x{expected[1]} of a {inputs.shape[-2]}x{inputs.shape[-1]} "
                    f"input, but the ground truth is {given}; do the scales of model and data "
                    "agree?"
                )
