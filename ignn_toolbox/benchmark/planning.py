"""A config's predicted memory, and its measured memory to compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from ..engine.config import load_config
from ..models.embedders.frozen import FrozenEmbedder
from ..registry import MODELS
from ..restore.exact import area_ratio
from ..restore.network_plan import plan_memory
from ..restore.planner import TilePlanner
from .cases import Case, Variant
from .run import run_case


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


def predict_job(job: Job) -> list[tuple[str, int]]:
    """`plan_memory` of the config's network.

    Raises:
        FileNotFoundError: No such config.
        ValueError: The config is faulty or the image too small.
    """
    network, layout = _build(job)
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


def predict_tiles(job: Job, tile: int) -> TiledJob:
    """What the job's picture takes in tiles.

    Raises:
        FileNotFoundError: No such config.
        ValueError: The config is faulty, its network is no backbone, the image is too small.
    """
    network = _build(job)[0].to(memory_format=torch.channels_last)
    planner = TilePlanner(network)
    plan = planner.plan_tile(job.height, job.width, tile, host_memory=0)
    ratio = area_ratio(planner.schedule, job.height, job.width, tile)
    return TiledJob(tile, plan.peak, plan.stored, ratio)


def measure_job(job: Job) -> int | None:
    """Peak bytes above the built model of one call, or two steps, in a process of its own."""
    repeats = 2 if job.train else 1
    case = Case("plan", "model", "", {"network": Variant(_JobCall(job))}, repeats=repeats)
    return run_case(case, torch.get_num_threads()).peak("network")


@dataclass(frozen=True)
class _JobCall:
    """Makes the call that the job plans, see `Variant.build`."""

    job: Job

    def __call__(self, tiny: bool) -> Callable[[], object]:
        job = self.job
        network, layout = _build(job)
        height, width = (network.spec.min_size,) * 2 if tiny else (job.height, job.width)
        image = torch.rand(1 if tiny else job.batch, 3, max(height, 4), max(width, 4))
        image = image.contiguous(memory_format=layout)
        if not job.train:
            return torch.no_grad()(lambda: network(image))
        wanted = [p for p in network.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(wanted, lr=1e-4)

        def step() -> None:
            optimizer.zero_grad()
            sr = network(image)
            F.l1_loss(sr, torch.zeros_like(sr)).backward()
            optimizer.step()

        return step


def _build(job: Job) -> tuple[nn.Module, torch.memory_format]:
    config = load_config(job.config)
    network = MODELS.build(config.model.network)
    for part in network.modules():
        if isinstance(part, FrozenEmbedder):  # any weights do: they change no size
            part.load_state_dict(part.state_dict())
    layout = torch.contiguous_format
    if config.get("channels_last", False):
        layout = torch.channels_last
    return network.train(job.train).to(memory_format=layout), layout
