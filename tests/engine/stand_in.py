"""A small restorer and metric for tests of the engine, which runs any model."""

import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from torch import nn
from torch.nn import functional as F

from ignn_toolbox.registry import METRICS, MODELS


@MODELS.register_module()
class StandInNetwork(nn.Module):
    """Two convolutions and a pixel shuffle."""

    def __init__(self, scale: int, channels: int = 8) -> None:
        super().__init__()
        self.scale = scale
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.output = nn.Conv2d(channels, 3 * scale**2, 3, padding=1)

    def forward(self, lq: torch.Tensor) -> torch.Tensor:
        return F.pixel_shuffle(self.output(F.relu(self.stem(lq))), self.scale)


@MODELS.register_module()
class StandInRestorer(BaseModel):
    """The least that training and testing ask of a restorer."""

    def __init__(self, network: dict) -> None:
        super().__init__()
        self.network = MODELS.build(network)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        sr = self.network(torch.stack(list(inputs)).float() / 255)
        if mode == "tensor":
            return sr
        if mode == "loss":
            gt = torch.stack([sample.gt_img for sample in data_samples]).float() / 255
            return {"loss": F.l1_loss(sr, gt)}
        for sample, image in zip(data_samples, sr.clamp(0, 1), strict=True):
            sample.pred_img = image.cpu()
        return data_samples


@METRICS.register_module()
class StandInMetric(BaseMetric):
    """Mean absolute error in grey levels, named after the set."""

    def __init__(self) -> None:
        super().__init__(collect_device="gpu")

    def process(self, data_batch, data_samples) -> None:
        for sample in data_samples:
            gt = sample["gt_img"].float() / 255
            self.results.append(float((sample["pred_img"] - gt).abs().mean()))

    def compute_metrics(self, results) -> dict[str, float]:
        name = self.dataset_meta["dataset_name"]
        return {f"{name}/PSNR": 1 / (sum(results) / len(results))}
