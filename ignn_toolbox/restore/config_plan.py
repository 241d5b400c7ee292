"""A config's predicted memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..engine.config import load_config
from ..models.embedders.frozen import FrozenEmbedder
from ..models.steps import Network
from ..registry import MODELS
from .exact import area_ratio
from .network_plan import plan_memory
from .planner import TilePlanner


@dataclass(frozen=True)
class Job:
    """What to plan.

    Attributes:
        config: A config file, or the name of a bundled config or zoo model.
        height: Of the LR image.
        width: Of the LR image.
        batch: Number of images.
        train: Whether a training step with Adam.
    """

    config: str
    height: int
    width: int
    batch: int
    train: bool


def plan_job(job: Job) -> list[tuple[str, int]]:
    """`plan_memory` of the config's network.

    Raises:
        FileNotFoundError: No such config.
        ValueError: The config is faulty or the image too small.
    """
    network, layout = build(job)
    return plan_memory(network, job.height, job.width, job.train, job.batch, layout)


@dataclass(frozen=True)
class TiledJob:
    """What a picture takes in exact tiles.

    Attributes:
        tile: Side of a tile in LR pixels.
        peak: Most bytes in memory beside the built model and the maps of the whole picture.
        stored: Bytes of these maps, in memory or in temporary files.
        area_ratio: Pixels computed over pixels of the picture, because of the tiles' halos.
    """

    tile: int
    peak: int
    stored: int
    area_ratio: float


def plan_tiles(job: Job, tile: int) -> TiledJob:
    """What the job's picture takes in tiles.

    Raises:
        FileNotFoundError: No such config.
        TypeError: It is not known how far a step of its network looks.
        ValueError: The config is faulty, or the image too small.
    """
    network = build(job)[0].to(memory_format=torch.channels_last)
    planner = TilePlanner(network)
    plan = planner.plan_tile(job.height, job.width, tile, host_memory=0)
    ratio = area_ratio(planner.schedule, job.height, job.width, tile)
    return TiledJob(tile, plan.peak, plan.stored, ratio)


def build(job: Job) -> tuple[Network, torch.memory_format]:
    """The job's network in its mode, and the memory format of its input."""
    config = load_config(job.config)
    network = MODELS.build(config.model.network)
    for part in network.modules():
        if isinstance(part, FrozenEmbedder):  # any weights do: they change no size
            part.load_state_dict(part.state_dict())
    layout = torch.contiguous_format
    if config.get("channels_last", False):
        layout = torch.channels_last
    return network.train(job.train).to(memory_format=layout), layout
