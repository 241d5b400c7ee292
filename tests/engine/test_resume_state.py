"""A training state that cannot be the run's is refused by field, before any of it is taken."""

import copy
import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from ignn_toolbox.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from ignn_toolbox.engine.resume_state import check_resume_state

OPTIONS = {
    "train_cfg.max_iters": 4,
    "param_scheduler": [
        dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=3),
        dict(type="MultiStepLR", by_epoch=False, milestones=[2, 3], gamma=0.5),
    ],
    "custom_hooks": [dict(type="EMAHook", ema_type="ExponentialMovingAverage")],
}
MOMENTS = ("optimizer", "state", 2)
GROUP = ("optimizer", "param_groups", 0)
SCHEDULE = ("param_schedulers", 0)
EMA = "ema_state_dict"
STEM = "module.network.stem.weight"

SENSELESS = {
    ("loop",): [None, [], {}, {"iter": 4}, 5],
    ("loop", "iter"): [-1, 2.5, "4", None, True, math.nan, 2**70, 10**6],
    ("loop", "samples_drawn"): [-1, 0, "x", 2**70],
    ("loop", "validated"): [-1, 99, None],
    ("optimizer",): [None, [], {}, "x"],
    ("optimizer", "param_groups"): [None, [], {}, [None], [{}]],
    (*GROUP, "params"): [[0], list(range(99)), None, "x"],
    (*GROUP, "lr"): [math.nan, math.inf, -1.0, "x", None, torch.tensor(math.nan)],
    (*GROUP, "betas"): [0.9, [0.9], (0.9, math.nan), ("a", "b"), None],
    (*GROUP, "eps"): ["x", math.nan],
    (*GROUP, "amsgrad"): ["yes", 1],
    (*GROUP, "surprise"): [{"type": "os.system"}, math.nan],
    ("optimizer", "state"): [None, [], {99: {}}, {"x": {}}, {-1: {}}, {2: None}],
    (*MOMENTS, "exp_avg"): [
        torch.full((4, 3, 3, 3), math.nan),
        torch.full((4, 3, 3, 3), math.inf),
        torch.zeros(3, 4, 3, 3),
        torch.zeros(5),
        torch.zeros(4, 3, 3, 3, dtype=torch.complex64),
        "x",
        {},
    ],
    (*MOMENTS, "step"): [math.nan, "x", torch.tensor(math.inf), {}],
    ("optimizer", "guard"): [5, {"skipped": 0}],
    ("optimizer", "guard", "skipped"): [-1, "x"],
    ("optimizer", "guard", "recent"): [{"other": []}, {"loss": 5, "gradient norm": []}],
    ("optimizer", "guard", "recent", "loss"): [[math.nan], ["x"], [0.0] * 10**5],
    ("optimizer", "loss_scaler"): [5, {"scale": math.nan}, {"scale": {}}],
    ("param_schedulers",): [None, [], {}, [None, None], [{}, {}]],
    (*SCHEDULE, "last_step"): ["x", None, math.nan, {}],
    (*SCHEDULE, "base_values"): [5, [], ["x"], [math.inf]],
    (*SCHEDULE, "param_name"): ["weight", 5],
    (*SCHEDULE, "step"): ["anything"],
    ("param_schedulers", 1, "milestones"): [Counter({"x": 1}), Counter({-5: 1}), [5, 6]],
    (EMA,): [None, [], {"module.nothing": torch.zeros(1)}, {5: torch.zeros(1)}],
    (EMA, STEM): [torch.full((4, 3, 3, 3), math.nan), torch.zeros(5), None],
    (EMA, "steps"): [None, torch.tensor(math.nan)],
}


@pytest.fixture(scope="module")
def saved(config_file, data_root, tmp_path_factory):
    """A training's checkpoint, and how to resume it."""
    from ignn_toolbox.engine.config import load_config
    from ignn_toolbox.engine.train import train

    folder = tmp_path_factory.mktemp("run")

    def start(options=OPTIONS, **arguments):
        config = load_config(config_file, options, data_root=data_root)
        return train(config, work_dir=folder, **arguments)

    start()
    return folder / "iter_4.pth", start


def changed(content: dict, place: tuple, value: object) -> dict:
    content = copy.deepcopy(content)
    parent = content
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    return content


@pytest.mark.parametrize("place", SENSELESS, ids=lambda place: ".".join(map(str, place)))
def test_a_senseless_field_is_named(saved, tmp_path: Path, place: tuple) -> None:
    own = load_checkpoint(saved[0])
    names = [name for name in own["state_dict"] if "_mean." not in name]
    shapes = [own["optimizer"]["state"][i]["exp_avg"].shape for i in own["optimizer"]["state"]]
    first = min(own["optimizer"]["state"])
    assert len(names) == len(shapes)
    parameters = [torch.zeros(1)] * first + [torch.zeros(shape) for shape in shapes]
    check_resume_state(own, own, parameters, "x.pth", schedules=True)
    for value in SENSELESS[place]:
        content = changed(own, place, value)
        with pytest.raises(CheckpointError, match=r"x\.pth") as error:
            check_resume_state(content, own, parameters, "x.pth", schedules=True)
        said = str(error.value)
        assert place[0] in said
        assert len(said) < 500
        assert said.isprintable()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("loop", "iter"), -1),
        ((*MOMENTS, "exp_avg"), torch.full((4, 3, 3, 3), math.nan)),
        ((*SCHEDULE, "base_values"), ["x"]),
        ((EMA, STEM), torch.full((4, 3, 3, 3), math.inf)),
        (("state_dict",), None),
        (("state_dict", STEM.removeprefix("module.")), torch.full((4, 3, 3, 3), math.nan)),
        (("state_dict", STEM.removeprefix("module.")), None),
        (("best",), {"score": "x"}),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_resume_is_refused_by_field(saved, tmp_path: Path, place: tuple, value: object) -> None:
    path, resume = saved
    torch.save(changed(load_checkpoint(path), place, value), tmp_path / "x.pth")
    with pytest.raises(CheckpointError):
        resume(resume=tmp_path / "x.pth")


@pytest.mark.parametrize(
    "meta",
    [
        None,
        *(pytest.param(m, marks=pytest.mark.slow) for m in ([], 5, {"training_config": 5})),
        {"metrics": [1]},
    ],
)
def test_meta_of_any_kind_is_survived(saved, tmp_path: Path, meta: object) -> None:
    path, resume = saved
    content = load_checkpoint(path) | {"meta": meta}
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="was trained under another config"):
        resume(resume=tmp_path / "x.pth")
    resume(resume=tmp_path / "x.pth", allow_config_change=True)


def test_a_config_without_end_is_refused(saved, tmp_path: Path) -> None:
    path, resume = saved
    content = load_checkpoint(path)
    endless: dict = {}
    endless["model"] = endless
    wide: list = ["x"]
    for _ in range(12):
        wide = [wide] * 10
    for config in (endless, {"model": wide}):
        content["meta"]["training_config"] = config
        torch.save(content, tmp_path / "x.pth")
        with pytest.raises(CheckpointError, match="nested without end"):
            resume(resume=tmp_path / "x.pth")


def test_what_a_file_says_of_its_config_is_shown_on_one_line(saved, tmp_path: Path) -> None:
    path, resume = saved
    content = load_checkpoint(path)
    content["meta"]["training_config"]["model"]["\x1b[2J\n"] = "\x1b[31m" * 1000
    save_checkpoint(content, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="another config") as error:
        resume(resume=tmp_path / "x.pth")
    assert all(line.isprintable() for line in str(error.value).splitlines())
    assert len(str(error.value)) < 1_000


def test_a_weight_that_is_not_finite_is_never_saved(saved, tmp_path: Path) -> None:
    path, resume = saved
    before = {file.name for file in path.parent.iterdir()}
    options = copy.deepcopy(OPTIONS) | {"optim_wrapper.optimizer.lr": 1e38, "param_scheduler": []}
    options |= {"train_cfg.max_iters": 8, "default_hooks.checkpoint.interval": 1}
    with pytest.raises(ValueError, match="not finite"):
        resume(options, resume=path, allow_config_change=True)
    for file in path.parent.glob("*.pth"):
        if file.name not in before:
            for part in ("state_dict", EMA):
                for value in load_checkpoint(file).get(part, {}).values():
                    assert torch.isfinite(value).all(), file
