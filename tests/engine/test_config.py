"""Configs: every key means something, and what is said once reaches all who need it."""

import re
from pathlib import Path

import pytest

from ignn_toolbox.engine.config import load_config, network_scale, parse_options
from ignn_toolbox.engine.preflight import check_training
from ignn_toolbox.engine.train import train
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo import bundled_configs

MISTAKES = {
    "model.network.chanels=8": r"key `chanels` in model\.network \(EDSR\); did you mean `channels`",
    "model.network.type=EDRS": r"model `EDRS` in model\.network\.type; did you mean `EDSR`",
    "train_dataloader.batchsize=2": r"`batchsize` in train_dataloader; did you mean `batch_size`",
    "train_dataloader.dataset.gt_dirs=x": r"`gt_dirs` in train_dataloader\.dataset .*`gt_dir`",
    "train_dataloader.dataset.pipeline.1.probs=0.3": r"pipeline\[1\] \(RandomFlip\); .*`prob`",
    "train_dataloader.dataset.pipeline.1.type=RandomFlop": r"`RandomFlop`.*mean `RandomFlip`",
    "train_dataloader.sampler.type=IterSampler": r"`IterSampler`.*did you mean `IterationSampler`",
    "test_dataloader.1.dataset.colours=grey": r"test_dataloader\[1\]\.dataset.*`colour`",
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


# What a value should have been, by the option that gives another.
VALUES = {
    "model.self_ensemble=off": "model.self_ensemble must be true or false, got 'off'",
    "model.self_ensemble=1": "model.self_ensemble must be true or false, got 1",
    "model.self_ensemble='false'": "model.self_ensemble must be true or false, got 'false'",
    "model.test_procedure=offical": "must be 'whole' or 'official', got 'offical'",
    "model.network.channels=x": "model.network.channels must be a whole number, got 'x'",
    "model.network.channels=8.5": "model.network.channels must be a whole number, got 8.5",
    "model.network.channels=true": "model.network.channels must be a whole number, got True",
    "model.network.rgb_mean=[1, x, 3]": "model.network.rgb_mean[1] must be a number, got 'x'",
    "model.network=5": "model.network must be dict(...), got 5",
    "model.network.type=5": "model.network.type must be the name of a registered model, got 5",
    "model=5": "model must be dict(type=...), got 5",
    "optim_wrapper.optimizer.lr=1e-4f": "optim_wrapper.optimizer.lr must be a number",
    "optim_wrapper.optimizer.lr=nan": "optim_wrapper.optimizer.lr must be a number",
    "optim_wrapper.optimizer.lr=1e999": "optim_wrapper.optimizer.lr must be a finite number",
    "optim_wrapper.optimizer.betas=[1, 2, 3]": "betas must hold 2 values, got [1, 2, 3]",
    "optim_wrapper.paramwise_cfg=dict(custom_keys=dict(stem=3))": "custom_keys.stem must be dict",
    "optim_wrapper.clip_grad=dict(max_norm='x')": "clip_grad.max_norm must be a number, got 'x'",
    "optim_wrapper.clip_grad=dict(maxnorm=1)": "optim_wrapper.clip_grad; did you mean `max_norm`",
    "param_scheduler.T_max=x": "param_scheduler.T_max must be a whole number or None, got 'x'",
    "param_scheduler=5": "param_scheduler must be dict(...) or a list of them, got 5",
    "randomness.seed=abc": "randomness.seed must be a whole number or None, got 'abc'",
    "randomness.seed=-1": "randomness.seed must lie in 0..4294967295, got -1",
    "randomness.deterministic=maybe": "randomness.deterministic must be true or false",
    "train_dataloader.num_workers=two": "num_workers must be a whole number, got 'two'",
    "train_dataloader.batch_size=[1]": "train_dataloader.batch_size must be a whole number",
    "train_dataloader.dataset=5": "train_dataloader.dataset must be dict(type=...), got 5",
    "train_dataloader.dataset.pipeline=5": "train_dataloader.dataset.pipeline must be a list",
    "train_dataloader.dataset.pipeline=[5]": "dataset.pipeline[0] must be dict(type=...), got 5",
    "train_dataloader.dataset.pipeline=[None]": "pipeline[0] must be dict(type=...), got None",
    "train_dataloader=[]": "train_dataloader is empty",
    "val_evaluator=[]": "val_evaluator is empty",
    "train_cfg.max_iters=2k": "train_cfg.max_iters must be a whole number, got '2k'",
    "train_cfg.max_iters=1e3": "train_cfg.max_iters must be a whole number, got 1000.0",
    "batch_size=4x": "batch_size must be a whole number, got '4x'",
    "channels_last=yes": "channels_last must be true or false, got 'yes'",
    "compile=maybe": "compile must be true or false or dict(...), got 'maybe'",
    "load_from=5": "load_from must be text or None, got 5",
    "log_level=LOUD": "log_level must be 'DEBUG' or",
    "data_root=5": "data_root must be text, got 5",
    "custom_hooks=[5]": "custom_hooks[0] must be dict(type=...), got 5",
    "custom_hooks=[dict(momentum=0.1)]": "custom_hooks[0] has no `type`",
    "default_hooks.logger=5": "default_hooks.logger must be dict(...) or None, got 5",
    "default_hooks.logger.interval=x": "default_hooks.logger.interval must be a whole number",
    "default_hooks.logger.priority=SOON": "priority must be a whole number or 'HIGHEST' or",
    "env_cfg.mp_cfg.mp_start_method=x": "must be 'fork' or 'spawn' or 'forkserver', got 'x'",
    "default_scope=mmagic": "default_scope must be 'ignn_toolbox', got 'mmagic'",
    "launcher=pytorch": "`launcher` in a config does nothing; give `--launcher pytorch`",
    "resume=5": "`resume` in a config does nothing; give `--resume`",
    "experiment_name=x": "`experiment_name` in a config does nothing",
    "custom_imports=5": "custom_imports must be dict(...) or None, got 5",
    "custom_imports.imports=not_there": "there is no module `not_there` in",
    "model._scope_=mmagic": "unknown key `_scope_` in model (Restorer)",
    "model.network.type=os.EDSR": "unknown model `os.EDSR` in model.network.type",
    "model.network.type=mmengine.EDSR": "unknown model `mmengine.EDSR`",
    "model.type.x=5": "option model.type.x: model.type is 'Restorer' and has no parts",
    "train_dataloader.dataset.pipeline.7.x=5": "pipeline is a list of 5; number its items from 0",
    "train_dataloader.dataset.pipeline.x=5": "pipeline is a list of 5; number its items from 0",
}


@pytest.mark.parametrize("option", VALUES)
def test_a_value_of_another_type_is_named_with_its_place(config_file: Path, option: str) -> None:
    with pytest.raises(ValueError, match=re.escape(VALUES[option])) as error:
        load_config(config_file, parse_options([option]))
    assert "\n" not in str(error.value)


def test_a_user_s_own_component_is_checked_by_annotation_and_default(config_file: Path) -> None:
    @MODELS.register_module(name="CheckedPart", force=True)
    class CheckedPart:
        def __init__(self, loss_weight, exact=False, size: "int | None" = 3, names: list[str] = ()):
            pass

    loss = {"_delete_": True, "type": "CheckedPart", "loss_weight": "anything"}
    try:
        load_config(config_file, {"model.loss": loss})
        for key, value, fault in (
            ("exact", "no", "true or false"),
            ("size", "3", "a whole number or None"),
            ("names", "a", "a list"),
            ("names", [1], "text"),
        ):
            with pytest.raises(ValueError, match=rf"model\.loss\.{key}.* must be {fault}"):
                load_config(config_file, {"model.loss": loss | {key: value}})
        config = load_config(config_file, {"model.loss": loss | {"type": CheckedPart}})
        assert config.model.loss.type == "CheckedPart"
    finally:
        MODELS.module_dict.pop("CheckedPart")


def test_an_unregistered_class_is_no_type(config_file: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.loss\.type must be the name of a registered"):
        load_config(config_file, {"model.loss.type": dict})


FAULTS_OF_CONSTRUCTORS = {
    "model.network.scale=7": r"model\.network: EDSR knows the scales",
    "model.network={'_delete_': True, 'type': 'GraphAgg'}": r"model\.network \(GraphAgg\) needs",
    "model.loss={'_delete_': True, 'loss_weight': 1.0}": r"model\.loss has no `type`",
    "train_dataloader.dataset.pipeline.1.prob=7": r"dataset\.pipeline\[1\]: prob must lie in",
    "train_dataloader.batch_size=0": r"^train_dataloader: batch_size should be a positive",
    "val_dataloader.batch_size=0": r"^val_dataloader: batch_size should be a positive",
    "val_evaluator.protocol=foo": r"^val_evaluator: protocol must be one of",
    "optim_wrapper.optimizer.lr=-1": r"^optim_wrapper\.optimizer: Invalid learning rate: -1",
    "optim_wrapper.precision=fp8": r"^optim_wrapper: unknown precision",
    "param_scheduler={'_delete_': True, 'type': 'MultiStepLR', 'by_epoch': False}": (
        r"^param_scheduler \(MultiStepLR\) needs 'milestones'"
    ),
    "default_hooks.checkpoint.rule=foo": r"^default_hooks\.checkpoint: rule must be",
}


@pytest.mark.parametrize("option", FAULTS_OF_CONSTRUCTORS)
def test_a_constructor_s_fault_begins_with_its_place(
    config_file: Path, data_root: Path, tmp_path: Path, option: str
) -> None:
    config = load_config(config_file, parse_options([option]), data_root=data_root)
    with pytest.raises(ValueError, match=FAULTS_OF_CONSTRUCTORS[option]):
        train(config, work_dir=tmp_path)


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
    for word in ("nonsense", "=3", "a..b=3", ".a=3", "a.=3"):
        with pytest.raises(ValueError, match="write key=value"):
            parse_options([word])


@pytest.mark.parametrize("text", ["true", "True", "TRUE"])
def test_flags_and_none_are_known_in_any_case(text: str) -> None:
    nothing = {"true": "none", "True": "None", "TRUE": "NULL"}[text]
    no = {"true": "false", "True": "False", "TRUE": "FALSE"}[text]
    options = parse_options([f"a={text}", f"b={no}", f"c={nothing}", f"d=[{text}, x, {nothing}]"])
    assert options == {"a": True, "b": False, "c": None, "d": [True, "x", None]}


def test_brackets_and_dict_calls_are_read_as_python() -> None:
    options = parse_options(
        ["a=[dict(type='EMAHook', momentum=0.1)]", "b={'x': (1, -2)}", "c=dict()"]
    )
    assert options == {"a": [{"type": "EMAHook", "momentum": 0.1}], "b": {"x": (1, -2)}, "c": {}}
    for text in ("a=[/x/y]", "a=dict(1)", "a=[f(x)]", "a={1:", "a=dict(**b)"):
        with pytest.raises(ValueError, match="option a: .* cannot be read as a Python value"):
            parse_options([text])


def test_items_of_lists_are_replaced_or_merged(config_file: Path) -> None:
    words = ["model.network.rgb_mean=[1, 2, 3]", "model.network.rgb_mean.1=0.5"]
    words += ["train_dataloader.dataset.pipeline.1.prob=0.25"]
    config = load_config(config_file, parse_options(words))
    assert config.model.network.rgb_mean == [1, 0.5, 3]
    assert config.train_dataloader.dataset.pipeline[1].prob == 0.25
    assert config.train_dataloader.dataset.pipeline[1].type == "RandomFlip"


def test_an_option_for_a_flag_means_what_it_says(config_file: Path) -> None:
    for text, value in (("false", False), ("true", True), ("FALSE", False)):
        config = load_config(config_file, parse_options([f"model.self_ensemble={text}"]))
        assert config.model.self_ensemble is value


def test_an_unknown_config_names_the_nearest() -> None:
    with pytest.raises(FileNotFoundError, match="no model or config"):
        load_config("edsr_that_is_not_there")


@pytest.mark.parametrize("name", sorted(bundled_configs()))
def test_every_bundled_config_is_valid(name: str) -> None:
    config = load_config(name)
    if "train_cfg" in config:
        check_training(config)
    assert network_scale(config) in (None, 1, 2, 3, 4)  # none where the result has the input's size


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
        (
            {"optim_wrapper.accumulative_counts": 0},
            r"accumulative_counts must be at least 1, got 0",
        ),
        ({"param_scheduler.T_max": -3}, r"T_max must be at least 1, got -3"),
        ({"val_cfg.type": "ValLoop"}, r"val_cfg must be dict\(type='MultiValLoop', \.\.\.\)"),
        ({"val_dataloader": None}, r"has no val_dataloader; a run validates with all of"),
        ({"train_dataloader.sampler": None}, r"sampler must be dict\(type='IterationSampler'"),
        ({"auto_scale_lr": dict(enable=True)}, r"base_batch_size must say the batch"),
    ],
)
def test_contradictions_are_found_before_a_run(config_file: Path, options, message) -> None:
    config = load_config(config_file, options)
    if message is None:
        check_training(config)
        return
    with pytest.raises(ValueError, match=message):
        check_training(config)
