"""Transforms keep LR and HR aligned and draw only from the sample's own generator."""

from typing import Any

import numpy as np
import pytest
import torch

from ignn_toolbox.registry import TRANSFORMS

from .conftest import picture


def pair(seed: int | None = 0, height: int = 10, width: int = 14, scale: int = 3) -> dict[str, Any]:
    """A pair whose HR image repeats every LR pixel ``scale`` times each way."""
    lq = picture(height, width)
    return {
        "lq": lq,
        "gt": lq.repeat(scale, axis=0).repeat(scale, axis=1),
        "scale": scale,
        "name": "x",
        "dataset_name": "set",
        "lq_path": None,
        "gt_path": "set/x.png",
        "rng": None if seed is None else np.random.default_rng(seed),
    }


def aligned(results: dict[str, Any]) -> bool:
    scale = results["scale"]
    return (results["lq"].repeat(scale, axis=0).repeat(scale, axis=1) == results["gt"]).all()


RANDOM = [
    {"type": "PairedRandomCrop", "lq_size": 4},
    {"type": "PairedRandomCrop", "lq_size": 4, "candidates": 3},
    {"type": "RandomFlip", "prob": 1.0},
    {"type": "RandomFlip", "prob": 1.0, "direction": "vertical"},
    {"type": "RandomRot90", "prob": 1.0},
    {"type": "RandomChannelShuffle", "prob": 1.0},
]


@pytest.mark.parametrize("config", [*RANDOM, {"type": "ModCrop", "divisor": 4}])
def test_images_stay_aligned(config: dict) -> None:
    for seed in range(10):
        assert aligned(TRANSFORMS.build(config)(pair(seed)))


@pytest.mark.parametrize("config", RANDOM)
def test_input_is_not_changed_in_place(config: dict) -> None:
    results = pair()
    before = results["lq"].copy()
    lq = results["lq"]
    TRANSFORMS.build(config)(results)
    assert (lq == before).all()


@pytest.mark.parametrize("config", RANDOM)
def test_random_transforms_need_a_draw(config: dict) -> None:
    with pytest.raises(ValueError, match="SampleIndex"):
        TRANSFORMS.build(config)(pair(None))


def test_crops_reach_every_place_equally() -> None:
    crop = TRANSFORMS.build({"type": "PairedRandomCrop", "lq_size": 9})
    lq = pair()["lq"]
    places = [tuple(crop(pair(seed))["lq"][0, 0]) for seed in range(600)]
    counts = [places.count(tuple(lq[y, x])) for y in range(2) for x in range(6)]
    assert sum(counts) == 600
    assert min(counts) > 25


def test_the_candidate_with_most_structure_is_taken() -> None:
    def textured_on_the_right(candidates: int, seed: int) -> bool:
        results = pair(seed, height=4, width=40)
        results["lq"] = np.zeros_like(results["lq"])
        results["lq"][:, 20:] = picture(4, 20)
        results["gt"] = results["lq"].repeat(3, axis=0).repeat(3, axis=1)
        crop = {"type": "PairedRandomCrop", "lq_size": 4, "candidates": candidates}
        cut = TRANSFORMS.build(crop)(results)
        assert aligned(cut)
        return bool(cut["lq"].any())

    share = [sum(textured_on_the_right(n, seed) for seed in range(200)) / 200 for n in (1, 2, 4)]
    # a square misses the right half in 17 of 37 places
    for found, n in zip(share, (1, 2, 4), strict=True):
        assert abs(found - (1 - (17 / 37) ** n)) < 0.1


def test_flips_and_turn_reach_all_eight_orientations() -> None:
    steps = [
        TRANSFORMS.build(config)
        for config in (
            {"type": "RandomFlip"},
            {"type": "RandomFlip", "direction": "vertical"},
            {"type": "RandomRot90"},
        )
    ]
    seen: dict[bytes, int] = {}
    for seed in range(400):
        results = pair(seed, 6, 6)
        for step in steps:
            results = step(results)
        key = results["lq"].tobytes()
        seen[key] = seen.get(key, 0) + 1
    square = pair(0, 6, 6)["lq"]
    turns = [np.rot90(image, k) for image in (square, square[:, ::-1]) for k in range(4)]
    assert seen.keys() == {turn.tobytes() for turn in turns}
    assert min(seen.values()) > 25


def test_channel_shuffle_reaches_all_permutations() -> None:
    shuffle = TRANSFORMS.build({"type": "RandomChannelShuffle", "prob": 1.0})
    seen = {shuffle(pair(seed))["lq"].tobytes() for seed in range(100)}
    assert len(seen) == 6


@pytest.mark.parametrize("name", ["RandomFlip", "RandomRot90", "RandomChannelShuffle"])
def test_probability_zero_changes_nothing(name: str) -> None:
    results = TRANSFORMS.build({"type": name, "prob": 0.0})(pair())
    assert (results["lq"] == pair()["lq"]).all()


def test_modcrop_cuts_bottom_and_right() -> None:
    results = TRANSFORMS.build({"type": "ModCrop", "divisor": 4})(pair(None))
    assert results["lq"].shape == (8, 12, 3)
    assert (results["lq"] == pair()["lq"][:8, :12]).all()


def test_pack_inputs() -> None:
    packed = TRANSFORMS.build({"type": "PackInputs"})(pair(None))
    sample = packed["data_samples"]
    assert packed["inputs"].dtype == sample.gt_img.dtype == torch.uint8
    assert packed["inputs"].shape == (3, 10, 14)
    assert sample.gt_img.shape == (3, 30, 42)
    assert (packed["inputs"].permute(1, 2, 0).numpy() == pair()["lq"]).all()
    assert sample.metainfo == {
        "name": "x",
        "dataset_name": "set",
        "scale": 3,
        "lq_path": None,
        "gt_path": "set/x.png",
    }


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"set/x\.png is 14x10, smaller than the crop of 11x11"):
        TRANSFORMS.build({"type": "PairedRandomCrop", "lq_size": 11})(pair())
    with pytest.raises(ValueError, match=r"smaller than divisor=12"):
        TRANSFORMS.build({"type": "ModCrop", "divisor": 12})(pair())
    for config, message in [
        ({"type": "PairedRandomCrop", "lq_size": 0}, "got 0"),
        ({"type": "PairedRandomCrop", "lq_size": 4, "candidates": 0}, "candidates must be"),
        ({"type": "ModCrop", "divisor": 0}, "got 0"),
        ({"type": "RandomFlip", "prob": 1.5}, "got 1.5"),
        ({"type": "RandomFlip", "direction": "diagonal"}, "'diagonal'"),
    ]:
        with pytest.raises(ValueError, match=message):
            TRANSFORMS.build(config)
