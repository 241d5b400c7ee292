"""Every bundled config can be loaded, is free of unknown keys, and describes what it says."""

import functools
import re
from pathlib import Path

import pytest
import torch

from ignn_toolbox.engine.config import load_config
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo import bundled_configs, configs_dir

CONFIGS = bundled_configs()


@functools.cache
def build(name):
    """A bundled config and its model, without memory for the weights."""
    config = load_config(CONFIGS[name])
    with torch.device("meta"):
        return config, MODELS.build(config.model)


@pytest.mark.parametrize("name", CONFIGS)
def test_config_loads_and_builds(name):
    config, model = build(name)
    assert model.scale in (2, 3, 4)
    assert "test_dataloader" in config
    if "train_cfg" in config:
        assert model.loss_fn is not None


@pytest.mark.parametrize("name", [name for name in CONFIGS if "_1xb" in name or "_2xb" in name])
def test_name_tells_size_batch_and_length(name):
    config, model = build(name)
    network = model.network
    sizes = re.search(r"_x(\d)c(\d+)(?:g(\d+))?b(\d+)(?:k(\d+)d(\d+|all))?_", name)
    assert network.spec.scale == int(sizes[1])
    assert network.stem.out_channels == int(sizes[2])
    groups = sizes[3] or sizes[4]
    if not name.startswith("rcan-tiny"):
        assert len(network.blocks) == int(groups)
    graph = network.aggregator
    if sizes[5] is not None:
        assert graph.num_neighbors == int(sizes[5])
        assert graph.window == (None if sizes[6] == "all" else int(sizes[6]))
    else:
        assert not hasattr(graph, "num_neighbors")
    gpus, batch, iterations = re.search(r"_(\d)xb(\d+)-(\d+)k_", name).groups()
    assert config.train_dataloader.batch_size == int(batch)
    assert config.train_cfg.max_iters == 1000 * int(iterations)


def difference(first, second, at=""):
    """Dotted keys in which two nested dicts differ."""
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return [] if first == second else [at]
    keys = sorted({*first, *second})
    return [
        found
        for key in keys
        for found in difference(
            first.get(key, "absent"), second.get(key, "absent"), f"{at}.{key}".lstrip(".")
        )
    ]


@pytest.mark.parametrize(
    ("name", "base"),
    [
        (name, base)
        for folder, base in (
            ("ablation", "ignn_x2c256b32k5d30_1xb4-800k_div2k"),
            ("ablation_tiny", "ignn-tiny_x2c32b8k5d30_1xb4-1k_bsds-t91"),
        )
        for name, path in CONFIGS.items()
        if Path(path).parent.name == folder and name != base
    ],
)
def test_ablation_changes_nothing_but_its_subject(name, base):
    """Data, schedule, warm start and everything else are those of the base."""
    changed = difference(build(base)[0].to_dict(), build(name)[0].to_dict())
    allowed = ("model.network.aggregator", "model.network.aggregate_after")
    if name == "edsr-tiny_x2c32b12_1xb4-1k_bsds-t91":
        allowed += ("model.network.num_blocks", "optim_wrapper.paramwise_cfg.custom_keys.blocks")
    assert changed
    assert all(key.startswith(allowed) for key in changed), changed


def test_control_has_as_many_parameters_as_the_graph_network():
    sizes = [
        sum(p.numel() for p in build(f"{name}_1xb4-1k_bsds-t91")[1].parameters())
        for name in ("edsr-tiny_x2c32b12", "ignn-tiny_x2c32b8k5d30")
    ]
    assert sizes == [235_576, 240_173]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("ignn_x2c256b32k5d30_1xb4-800k_div2k", 47_152_233),
        ("ignn_x3c256b32k5d30_1xb4-800k_div2k", 50_102_633),
        ("ignn_x4c256b32k5d30_1xb4-800k_div2k", 49_512_553),
        ("rcan_x2c64g10b20_1xb16-1000k_div2k", 15_444_667),
    ],
)
def test_published_parameter_counts(name, count):
    assert sum(p.numel() for p in build(name)[1].parameters()) == count


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_both_recipes_train_the_same_network(scale):
    sizes = [
        {k: tuple(v.shape) for k, v in build(name)[1].state_dict().items()}
        for name in (
            f"ignn_x{scale}c256b32k5d30_1xb4-800k_div2k",
            f"ignn-official_x{scale}c256b32k5d30_2xb1-800k_div2k",
        )
    ]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    "page", sorted(configs_dir().glob("*/README.md")), ids=lambda p: p.parent.name
)
def test_page_names_configs_that_exist(page):
    named = re.findall(r"`([a-z0-9_-]+_(?:div2k|bsds-t91))`", page.read_text())
    assert [name for name in named if name not in CONFIGS] == []


@pytest.mark.parametrize("page", ["ablation", "ablation_tiny"])
def test_page_of_the_ablations_is_complete(page):
    text = (configs_dir() / page / "README.md").read_text()
    text = text.replace("...k", "ignn-tiny_x2c32b8k").replace("_...`", "_x2c32b8k5d30`")
    names = [path.stem for path in (configs_dir() / page).glob("*.py")]
    short = [name.removesuffix("_1xb4-1k_bsds-t91") for name in names]
    assert [name for name in short if f"`{name}`" not in text] == []
