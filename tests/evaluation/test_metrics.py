"""The metric that mmengine's evaluation calls."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from ignn_toolbox.datasets import SRDataSample
from ignn_toolbox.evaluation import SRMetric, psnr, to_uint8


def sample(name: str, dataset: str = "Set5", seed: int = 0) -> SRDataSample:
    generator = torch.manual_seed(seed)
    gt = torch.randint(0, 256, (3, 24, 30), generator=generator, dtype=torch.uint8)
    pred = (gt / 255 + 0.05 * torch.randn(gt.shape, generator=generator)).clamp(0, 1)
    result = SRDataSample(
        metainfo={"name": name, "dataset_name": dataset, "scale": 2, "seconds": 0.5}
    )
    result.gt_img, result.pred_img = gt, pred
    return result


def expected_psnr(item: SRDataSample, protocol: str = "y-float") -> float:
    sr = to_uint8(item.pred_img.permute(1, 2, 0).numpy())
    return psnr(sr, item.gt_img.permute(1, 2, 0).numpy(), 2, protocol)


def test_figures_are_means_named_after_the_set() -> None:
    samples = [sample("a", seed=1), sample("b", seed=2), sample("c", "Set14", seed=3)]
    metric = SRMetric()
    evaluator = Evaluator([metric])
    evaluator.process(samples)
    figures = evaluator.evaluate(3)
    assert figures["Set5/PSNR"] == pytest.approx(np.mean([expected_psnr(s) for s in samples[:2]]))
    assert figures["Set14/PSNR"] == pytest.approx(expected_psnr(samples[2]))
    assert figures.keys() == {"Set5/PSNR", "Set5/SSIM", "Set14/PSNR", "Set14/SSIM"}
    assert [(r["dataset"], r["image"]) for r in metric.records] == [
        ("Set5", "a"),
        ("Set5", "b"),
        ("Set14", "c"),
    ]
    assert (metric.records[0]["height"], metric.records[0]["width"]) == (24, 30)
    assert metric.records[0]["seconds"] == 0.5


def test_several_protocols_stand_side_by_side() -> None:
    evaluator = Evaluator([{"type": "ignn_toolbox.SRMetric"}, SRMetric("rgb"), SRMetric("y-uint8")])
    evaluator.process([sample("a")])
    figures = evaluator.evaluate(1)
    assert figures["Set5/PSNR_rgb"] == pytest.approx(expected_psnr(sample("a"), "rgb"))
    assert len(figures) == 6


def test_a_second_evaluation_starts_afresh() -> None:
    metric = SRMetric()
    for _ in range(2):
        metric.process(None, [sample("a").to_dict()])
        metric.evaluate(1)
        assert len(metric.records) == 1


def test_predictions_are_saved_as_scored(tmp_path) -> None:
    item = sample("a")
    SRMetric(save_dir=str(tmp_path)).process(None, [item.to_dict()])
    saved = cv2.imread(str(tmp_path / "Set5" / "a.png"))[..., ::-1]
    assert (saved == to_uint8(item.pred_img.permute(1, 2, 0).numpy())).all()


def test_errors_name_the_image() -> None:
    item = sample("a")
    item.pred_img = item.pred_img[:, :-1]
    with pytest.raises(ValueError, match="Set5/a: the prediction is 30x23"):
        SRMetric().process(None, [item.to_dict()])
    with pytest.raises(ValueError, match="no image was scored"):
        SRMetric().compute_metrics([])
