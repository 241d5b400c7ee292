"""A config in a weights file is data: nothing it names is imported or called, whatever the door."""

import copy
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ignn_toolbox.apis import SRInferencer, init_model
from ignn_toolbox.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from ignn_toolbox.registry import MODELS
from ignn_toolbox.serve import Limits, Studio
from ignn_toolbox.stored_model import build_stored, config_to_store, stored_config

NODES = {
    "model": (),
    "network": ("network",),
    "aggregator": ("network", "aggregator"),
    "embedder": ("network", "aggregator", "embedder"),
    "loss": ("loss",),
    "data_preprocessor": ("data_preprocessor",),
    "an unknown key": ("anything",),
    "a list": ("network", "options", 0),
}


def placed(config: dict, path: tuple, node: object) -> dict:
    """A copy of a config with a node at a place."""
    config = copy.deepcopy(config)
    if not path:
        return node
    parent = config
    for key, following in zip(path, (*path[1:], None), strict=True):
        if following is None:
            parent[key] = node
        else:
            if not isinstance(parent.get(key), dict | list):
                parent[key] = [None] if following == 0 else {}
            parent = parent[key]
    return config


@pytest.fixture
def evil_package(tmp_path: Path, monkeypatch) -> Path:
    """A package beside the file whose import leaves a mark, as the current folder's would."""
    mark = tmp_path / "MARK"
    text = f"open({str(mark)!r}, 'w').close()\ndef build(**_): pass\n"
    (tmp_path / "evil_package").mkdir()
    for name in ("__init__.py", "registry.py", "utils.py"):
        (tmp_path / "evil_package" / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield mark
    for name in [name for name in sys.modules if name.split(".")[0] in ("evil_package", "this")]:
        del sys.modules[name]


def payloads(mark: Path) -> dict[str, dict]:
    touch = f"open({str(mark)!r}, 'w').close()"
    return {
        "os.system": {"type": "os.system", "command": f"touch {mark}"},
        "subprocess": {"type": "subprocess.Popen", "args": ["touch", str(mark)]},
        "exec": {"type": "builtins.exec", "source": touch},
        "runpy": {"type": "runpy.run_path", "path_name": str(mark)},
        "remove": {"type": "os.remove", "path": "victim"},
        "package": {"type": "evil_package.build"},
        "module of the standard library": {"type": "this.x"},
        "scope": {"type": "EDSR", "_scope_": "evil_package", "scale": 2},
        "own scope": {"type": "ignn_toolbox.EDSR", "scale": 2},
        "mmengine's": {"type": "mmengine.MODELS"},
        "mmengine's, registered": {"type": "BaseDataPreprocessor"},
        "hidden by a dot": {"type": "os.L1Loss"},
        "a class": {"type": ["os", "system"]},
        "none": {"type": None},
    }


def evil_file(tiny_checkpoint: Path, path: Path, place: tuple, node: dict) -> Path:
    content = load_checkpoint(tiny_checkpoint)
    content["meta"]["config"] = placed(content["meta"]["config"], place, node)
    save_checkpoint(content, path)
    return path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("place", NODES)
def test_no_name_in_a_file_is_imported_or_called(
    tiny_checkpoint, evil_package, tmp_path, place, suffix
) -> None:
    victim = tmp_path / "victim"
    victim.touch()
    before = set(sys.modules)
    for kind, node in payloads(evil_package).items():
        path = evil_file(tiny_checkpoint, tmp_path / f"evil{suffix}", NODES[place], node)
        with pytest.raises(CheckpointError, match=r"evil\.\w+") as error:
            init_model(path)
        assert "registered" in str(error.value) or "no config has" in str(error.value), kind
        assert not evil_package.exists(), kind
        assert victim.exists(), kind
    assert not {"evil_package", "evil_package.registry", "this"} & (set(sys.modules) - before)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).save(
        tmp_path / "picture.png"
    )
    return tmp_path / "picture.png"


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("place", ["model", "embedder"])
def test_every_door_refuses_it(
    tiny_checkpoint, evil_package, picture, cli, tmp_path, place, suffix
) -> None:
    path = evil_file(
        tiny_checkpoint,
        tmp_path / f"evil{suffix}",
        NODES[place],
        payloads(evil_package)["os.system"],
    )
    doors = [
        ("upscale", picture, "-o", "out", "--model", path),
        ("upscale", picture, "-o", "journaled", "--model", path, "--journal"),
        ("export", path, "--safetensors", "new.safetensors"),
        ("export", path, "--onnx", "new.onnx"),
        ("export", path, path, "--safetensors", "new.safetensors"),
        ("inspect", picture, "--at", "9,9", "--model", path),
        ("demo", picture, "--model", path, "-o", "demo.png"),
    ]
    for words in doors:
        status, _, err = cli(*words)
        assert status == 1, words
        assert "registered" in err, words
        assert not evil_package.exists(), words
    with pytest.raises(CheckpointError, match="registered"):
        SRInferencer(path)
    (tmp_path / "results").mkdir()
    studio = Studio(tmp_path / "results", Limits(1, 0.01), [str(path)], "cpu")
    for ask in (studio.enlarge, studio.neighbours):
        with pytest.raises(CheckpointError, match="registered"):
            ask(picture, "evil", 2, *([9, 9] if ask == studio.neighbours else []))
    assert not evil_package.exists()
    assert not list(tmp_path.glob("new.*"))


def test_where_a_training_started_is_left_out(tiny_checkpoint, evil_package, tmp_path) -> None:
    content = load_checkpoint(tiny_checkpoint)
    content["meta"]["config"]["network"]["init_cfg"] = payloads(evil_package)["os.system"]
    save_checkpoint(content, tmp_path / "x.pth")
    restorer = init_model(tmp_path / "x.pth")
    restorer.network.init_weights()
    assert restorer.network.init_cfg is None
    assert not evil_package.exists()


def test_a_users_own_component_loads_once_it_is_registered(tiny_checkpoint, tmp_path) -> None:
    content = load_checkpoint(tiny_checkpoint)
    content["meta"]["config"]["network"]["aggregator"]["type"] = "MyGraph"
    save_checkpoint(content, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="name that config as the model"):
        init_model(tmp_path / "x.pth")
    MODELS.register_module(name="MyGraph", module=MODELS.get("GraphAgg"))
    try:
        assert init_model(tmp_path / "x.pth").scale == 2
    finally:
        MODELS.module_dict.pop("MyGraph")


ODD = {
    "ten million blocks": ("network", {"num_blocks": 10**7}),
    "ten million groups": (
        "network",
        {"type": "RCAN", "num_groups": 10**7, "aggregator": None},
    ),
    "a million channels": ("network", {"channels": 10**6}),
    "channels beyond any number": ("network", {"channels": 10**30}),
    "neighbours beyond any picture": ("network", {"aggregator": {"num_neighbors": 10**18}}),
    "hidden channels": ("network", {"aggregator": {"ecn_channels": 10**6}}),
    "other blocks": ("network", {"num_blocks": 3}),
    "a string": ("network", {"channels": "many"}),
    "nothing": ("network", {"channels": None}),
    "not a number": ("network", {"res_scale": float("nan")}),
    "infinite": ("network", {"res_scale": float("inf")}),
    "a long mean": ("network", {"rgb_mean": [0.5] * 10**5}),
    "a long text": ("network", {"res_scale": "x" * 10**5}),
    "an unknown key": ("network", {"num_block": 3}),
    "control characters": ("network", {"res_scale": "\x1b[2J"}),
    "scale": ("network", {"scale": 5}),
}


@pytest.mark.parametrize("case", ODD)
def test_a_config_that_is_not_the_files_is_refused_at_once(tiny_checkpoint, tmp_path, case) -> None:
    place, changes = ODD[case]
    content = load_checkpoint(tiny_checkpoint)
    node = content["meta"]["config"][place]
    for key, value in changes.items():
        if isinstance(value, dict):
            node[key].update(value)
        else:
            node[key] = value
    torch.save(content, tmp_path / "x.pth")
    started = time.perf_counter()
    with pytest.raises(ValueError, match=r"x\.pth") as error:
        init_model(tmp_path / "x.pth")
    assert time.perf_counter() - started < 5
    assert len(str(error.value)) < 2_000
    assert str(error.value).replace("\n", "").isprintable()


def test_nested_too_deeply_or_without_end_is_refused(tiny_checkpoint, tmp_path) -> None:
    content = load_checkpoint(tiny_checkpoint)
    endless: dict = {"type": "EDSR"}
    endless["aggregator"] = endless
    wide: list = ["x"]
    for _ in range(12):
        wide = [wide] * 10  # 10^12 values when written out, a few bytes in the file
    for config in (endless, {"type": "Restorer", "network": wide}, [], "x", 5, None, {}):
        content["meta"]["config"] = config
        torch.save(content, tmp_path / "x.pth")
        with pytest.raises(CheckpointError, match=r"x\.pth"):
            init_model(tmp_path / "x.pth")


@pytest.mark.parametrize("meta", [None, [], "x", 5])
def test_meta_of_another_type_is_an_error(tiny_checkpoint, tmp_path, meta) -> None:
    content = load_checkpoint(tiny_checkpoint)
    torch.save(content | {"meta": meta}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="does not say which model"):
        init_model(tmp_path / "x.pth")


@pytest.mark.parametrize("type_", ["EDSR", "L1Loss", "GraphAgg", "ImagePreprocessor"])
def test_a_part_alone_is_no_restorer(tiny_checkpoint, tmp_path, type_) -> None:
    content = load_checkpoint(tiny_checkpoint)
    content["meta"]["config"]["type"] = type_
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x\.pth"):
        init_model(tmp_path / "x.pth")


def test_only_modules_of_the_same_thread_are_counted(tiny_checkpoint) -> None:
    import threading

    content = load_checkpoint(tiny_checkpoint)
    stop, made = threading.Event(), []

    def build_others() -> None:
        while not stop.is_set():
            made.append(len(torch.nn.Sequential(*(torch.nn.Linear(1, 1) for _ in range(500)))))

    thread = threading.Thread(target=build_others)
    thread.start()
    try:
        for _ in range(10):
            build_stored(stored_config(content, "x"), content, "x")
    finally:
        stop.set()
        thread.join()
    assert set(made) == {500}


def test_what_is_stored_is_plain_and_can_be_read_back(tiny_checkpoint) -> None:
    config = load_checkpoint(tiny_checkpoint)["meta"]["config"]
    given = copy.deepcopy(config)
    given["type"] = MODELS.get("Restorer")
    given["network"]["type"] = "ignn_toolbox.EDSR"
    given["network"]["init_cfg"] = {"type": "Pretrained", "checkpoint": "/home/me/edsr.pth"}
    given["network"]["_scope_"] = "ignn_toolbox"
    given["network"]["rgb_mean"] = (0.5, 0.25, 0.125)
    stored = config_to_store(given)
    assert stored == {
        **config,
        "network": {**config["network"], "rgb_mean": [0.5, 0.25, 0.125]},
    }
    assert stored_config({"meta": {"config": stored}}, "x") == stored


def test_of_a_path_only_the_name_is_kept() -> None:
    embedder = {"type": "VGGEmbedder", "weights": "/home/me/vgg19.pth"}
    assert config_to_store(embedder)["weights"] == "vgg19.pth"
    for path in ("/home/me/vgg19.pth", r"C:\me\vgg19.pth", "https://x.example/vgg19.pth"):
        meta = {"config": {"type": "VGGEmbedder", "weights": path}}
        assert stored_config({"meta": meta}, "x")["weights"] == "vgg19.pth"


def test_figures_that_are_carried_on_are_figures(tiny_checkpoint, cli, tmp_path) -> None:
    content = load_checkpoint(tiny_checkpoint)
    content["meta"]["metrics"] = {
        "Set5/PSNR": 30.5,
        "nan": float("nan"),
        "text": "$(touch MARK)",
        "\x1b[2J": 1.0,
        "nested": {"type": "os.system"},
        "huge": 10**400,
    }
    save_checkpoint(content, tmp_path / "x.pth")
    assert cli("export", tmp_path / "x.pth", "--safetensors", tmp_path / "y.safetensors")[0] == 0
    assert load_checkpoint(tmp_path / "y.safetensors")["meta"]["metrics"] == {"Set5/PSNR": 30.5}
