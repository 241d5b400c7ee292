"""Configs: every key means something, and what is said once reaches all who need it."""

from pathlib import Path

import pytest

from ignn_toolbox.engine.config import load_config, network_scale, parse_options
from ignn_toolbox.engine.preflight import check_training
from ignn_toolbox.zoo import bundled_configs

MISTAKES = {
    "model.network.chanels=8": r"key `chanels` in model\.network \(EDSR\); did you mean `channels`",
    "model.network.type=EDRS": r"model `EDRS` in model\.network\.type; did you mean `EDSR`",
    "train_dataloader.batchsize=2": r"`batchsize` in train_dataloader; did you mean `batch_size`",
    "train_dataloader.dataset.gt_dirs=x": r"`gt_dirs` in train_dataloader\.dataset .*`gt_dir`",
    "train_dataloader.dataset.pipeline.1.probs=0.3": r"pipeline\[1\] \(RandomFlip\); .*`prob`",
    "train_dataloader.dataset.pipeline.1.type=RandomFlop": r"`RandomFlop`.*mean `RandomFlip`",
    "train_dataloader.sampler.type=IterSampler": r"`IterSampler`.*did you mean `IterationSampler`",
    "test_dataloader.1.dataset.boarder=replicate": r"test_dataloader\[1\]\.dataset.*`border`",
    "train_cfg.max_itres=10": r"`max_itres` in train_cfg .*did you mean `max_iters`",
    "val_evaluator.protocols=rgb": r"`protocols` in val_evaluator .*did you mean `protocol`",
    "optim_wrapper.optimizer.learning_rate=1": r"`learning_rate` in optim_wrapper\.optimizer",
    "optim_wrapper.optimizer.type=Adamm": r"`Adamm`.*did you mean `Adam`",
    "optim_wrapper.acumulative_counts=2": r"did you mean `accumulative_counts`",
    "param_scheduler.etamin=0": r"`etamin` in param_scheduler .*did you mean `eta_min`",
    "default_hooks.logger.intervall=5": r"default_hooks\.logger \(LoggerHook\).*`interval`",
    "visualizer.vis_backends.0.type=TensorbordVisBackend": r"did you mean `TensorboardVisBackend`",
    "randomness.sede=1": r"`sede` in randomness; did you mean `seed`",
    "optim_wraper=1": r"`optim_wraper` in the config; did you mean `optim_wrapper`",
}


@pytest.mark.parametrize("option", MISTAKES)
def test_a_mistake_is_named_with_its_place_and_the_nearest(config_file: Path, option: str) -> None:
    with pytest.raises(ValueError, match=MISTAKES[option]):
        load_config(config_file, parse_options([option]))


def test_what_mmengine_takes_out_of_a_component_is_known(config_file: Path) -> None:
    options = {
        "optim_wrapper.paramwise_cfg": dict(custom_keys={"stem": dict(lr_mult=0.1)}),
        "default_hooks.logger.priority": "LOW",
        "custom_hooks": [dict(type="EMAHook", momentum=0.01)],
    }
    load_config(config_file, options)


def test_shared_values_reach_data_sets_transforms_and_metrics(config_file: Path) -> None:
    config = load_config(config_file, {"randomness.seed": 7}, data_root="/somewhere")
    train = config.train_dataloader
    assert (train.batch_size, train.dataset.pipeline[0].lq_size) == (2, 12)
    dataset = train.dataset
    assert (dataset.scale, dataset.seed, dataset.data_root) == (2, 7, "/somewhere")
    assert {loader.dataset.scale for loader in config.test_dataloader} == {2}


def test_a_crop_may_depend_on_the_scale(tmp_path: Path, config_file: Path) -> None:
    path = tmp_path / "released.py"
    path.write_text(f"_base_ = [{str(config_file)!r}]\nlq_size = dict(_delete_=True, x2=9, x3=6)\n")
    config = load_config(path, {"model.network.scale": 3})
    assert config.train_dataloader.dataset.pipeline[0].lq_size == 6
    with pytest.raises(ValueError, match="no entry x4"):
        load_config(path, {"model.network.scale": 4})


def test_the_scale_stands_in_for_itself_in_folders(config_file: Path) -> None:
    dataset = {
        "_delete_": True,
        "type": "PairedImageDataset",
        "gt_dir": ["a/x{scale}", "b/x{scale}"],
        "lq_dir": "lq/X{scale}",
        "filename_tmpl": "{}x{scale}",
    }
    made = load_config(config_file, {"train_dataloader.dataset": dataset}).train_dataloader.dataset
    assert made.gt_dir == ["a/x2", "b/x2"]
    assert (made.lq_dir, made.filename_tmpl) == ("lq/X2", "{}x2")


def test_data_of_another_scale_are_refused(config_file: Path) -> None:
    with pytest.raises(ValueError, match="scale=3, but the network upscales by 2"):
        load_config(config_file, {"val_dataloader.dataset.scale": 3})


def test_options_are_literals_or_words() -> None:
    options = parse_options(["a.b=3", "c=[1, 'x']", "d=path/to", "e=None", "f=1e-3"])
    assert options == {"a.b": 3, "c": [1, "x"], "d": "path/to", "e": None, "f": 1e-3}
    with pytest.raises(ValueError, match="write key=value"):
        parse_options(["nonsense"])


def test_an_unknown_config_names_the_nearest() -> None:
    with pytest.raises(FileNotFoundError, match="no model or config"):
        load_config("edsr_that_is_not_there")


@pytest.mark.parametrize("name", sorted(bundled_configs()))
def test_every_bundled_config_is_valid(name: str) -> None:
    config = load_config(name)
    if "train_cfg" in config:
        check_training(config)
    assert network_scale(config) in (2, 3, 4)


STEPS = dict(_delete_=True, type="MultiStepLR", by_epoch=False, milestones=[4, 9])
RESTARTS = dict(
    _delete_=True, type="CosineRestartLR", by_epoch=False, begin=1, periods=[4, 4], eta_min=0.0
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"param_scheduler.T_max": 9}, r"T_max=9 lies beyond train_cfg\.max_iters=8"),
        ({"param_scheduler.end": 100}, r"end=100 lies beyond"),
        ({"param_scheduler": STEPS}, r"milestones=9 lies beyond train_cfg\.max_iters=8"),
        ({"param_scheduler": RESTARTS}, r"the end of .*periods=9 lies beyond"),
        ({"param_scheduler.by_epoch": True}, "counts epochs"),
        ({"optim_wrapper.accumulative_counts": 3}, r"=3 does not divide the checkpoint interval 4"),
        ({"train_cfg.max_iters": 0}, None),
    ],
)
def test_contradictions_are_found_before_a_run(config_file: Path, options, message) -> None:
    config = load_config(config_file, options)
    if message is None:
        check_training(config)
        return
    with pytest.raises(ValueError, match=message):
        check_training(config)
