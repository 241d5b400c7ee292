"""Every bundled config can be loaded, is free of unknown keys, and describes what it says."""

import functools
import re
from pathlib import Path

import pytest
import torch

from ignn_toolbox.engine.config import load_config
from ignn_toolbox.engine.grid import load_grid
from ignn_toolbox.models.aggregators.base import Aggregator, HostedBlock
from ignn_toolbox.registry import MODELS
from ignn_toolbox.zoo import bundled_configs, configs_dir, described_models
from ignn_toolbox.zoo.importers import foreign_kinds

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
    assert model.scale in (1, 2, 3, 4)
    assert "test_dataloader" in config
    if "train_cfg" in config:
        assert model.loss_fn is not None


NAMED = [name for name in CONFIGS if "_1xb" in name or "_2xb" in name]
SIZES = re.compile(r"_x\dc(\d+)(?:g(\d+))?b(\d+)(?:k(\d+)d(\d+|all))?_")


@pytest.mark.parametrize("name", NAMED)
def test_name_tells_scale_batch_and_length(name):
    config, model = build(name)
    # the noise, quality or phase of one that keeps the size
    scale = re.search(r"_(?:x(\d)|[nq]\d|grbg)", name)[1]
    assert model.network.spec.scale == int(scale or 1)
    gpus, batch, iterations = re.search(r"_(\d)xb(\d+)-(\d+)k_", name).groups()
    assert config.train_dataloader.batch_size == int(batch)
    assert config.train_cfg.max_iters == 1000 * int(iterations)


@pytest.mark.parametrize("name", [name for name in NAMED if SIZES.search(name)])
def test_name_tells_sizes(name):
    network = build(name)[1].network
    channels, groups, blocks, neighbors, window = SIZES.search(name).groups()
    assert network.stem.out_channels == int(channels)
    if not name.startswith("rcan-tiny"):
        assert len(network.blocks) == int(groups or blocks)
    graph = network.aggregator
    if neighbors is not None:
        assert graph.how.num_neighbors == int(neighbors)
        assert graph.how.window == (None if window == "all" else int(window))
    else:
        assert not hasattr(graph, "how")


@pytest.mark.parametrize("model", described_models().values(), ids=lambda m: m.name)
def test_parameters_are_those_of_the_metafile(model):
    network = build(model.config.stem)[1].network
    assert sum(p.numel() for p in network.parameters()) == model.parameters
    assert network.spec.scale == model.scale
    assert network.spec.purpose == model.purpose
    if model.foreign is not None:
        assert model.foreign in {kind.kind for _, kind in foreign_kinds()}


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


@pytest.mark.parametrize("grid", ["x2", "n25"])
def test_small_rivals_share_one_budget(grid, tmp_path):
    variants = load_grid(f"rivals_tiny/{grid}.yml", tmp_path).variants
    first = variants[0].config.to_dict()
    for variant in variants:
        own = variant.config.to_dict()
        for key in ("train_dataloader", "train_cfg", "param_scheduler", "optim_wrapper"):
            found = difference(first[key], own[key])
            assert set(found) <= {"dataset.scale"}, (variant.label, key)  # which some leave out
        assert "init_cfg" not in own["model"]["network"], "all start from nothing"
        with torch.device("meta"):
            network = MODELS.build(own["model"]).network
        assert sum(p.numel() for p in network.parameters()) <= 300_000


@pytest.mark.slow
def test_every_aggregator_is_in_a_config_or_in_the_grid_of_hosted_parts(tmp_path):
    models = [load_config(name).model for name in bundled_configs()]
    for variant in load_grid("ablation_tiny/hosted.yml", tmp_path).variants:
        models.append(variant.config.model)
        with torch.device("meta"):
            network = MODELS.build(variant.config.model.to_dict()).network
        assert network.spec.min_size <= variant.config.lq_size, variant.label
    used = {(model.network.get("aggregator") or {}).get("type") for model in models}
    registered = {
        name
        for name, part in MODELS.module_dict.items()
        if part.__module__.startswith("ignn_toolbox.models.aggregators")
        and issubclass(part, Aggregator | HostedBlock)
    }
    assert registered <= used


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
