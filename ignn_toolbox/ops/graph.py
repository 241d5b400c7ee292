"""The patch graph: which key patches are the nearest neighbours of each query patch."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..checkpoint import load_checkpoint
from ..files import write_whole
from .patches import PatchGrid, Region


@dataclass(frozen=True)
class PatchGraph:
    """k nearest key patches of every query patch.

    Attributes:
        index: ``(N, rows, cols, k)`` int64, row-major positions in ``key_grid``, nearest first.
        distance: ``(N, rows, cols, k)`` float32, squared Euclidean distances of the patch vectors.
        query_grid: Patches of the LR image; ``rows`` and ``cols`` above are its own.
        key_grid: Patches of the image that was searched (downsampled by ``scale``, or the same).
        scale: How many times smaller the searched image is, the paper's s; 1 for same-scale search.
    """

    index: Tensor
    distance: Tensor
    query_grid: PatchGrid
    key_grid: PatchGrid
    scale: int

    def __post_init__(self) -> None:
        expected = (self.query_grid.rows, self.query_grid.cols)
        if self.index.dim() != 4 or tuple(self.index.shape[1:3]) != expected:
            raise ValueError(
                f"index must be (N, {expected[0]}, {expected[1]}, k) for its query grid, "
                f"got {tuple(self.index.shape)}"
            )

    @property
    def num_neighbors(self) -> int:
        return self.index.shape[-1]

    def to(self, device: torch.device | str) -> PatchGraph:
        """The same graph with its tensors on ``device``."""
        return PatchGraph(
            self.index.to(device),
            self.distance.to(device),
            self.query_grid,
            self.key_grid,
            self.scale,
        )

    def crop(self, region: Region) -> PatchGraph:
        """The part whose query patches start in ``region``; the keys stay those of the whole image.

        Args:
            region: Its top and left must be multiples of the stride, so that the patch grid of a
                map of its size is the same part of the whole grid.

        Raises:
            ValueError: The region starts between two patches or is smaller than a patch.
        """
        step, size = self.query_grid.stride, self.query_grid.size
        if region.top % step or region.left % step:
            raise ValueError(
                f"a region must start at a multiple of the stride {step}, got {region.top}, "
                f"{region.left}"
            )
        grid = PatchGrid(region.height, region.width, size, step)
        top, left = region.top // step, region.left // step
        rows, cols = slice(top, top + grid.rows), slice(left, left + grid.cols)
        return PatchGraph(
            self.index[:, rows, cols],
            self.distance[:, rows, cols],
            grid,
            self.key_grid,
            self.scale,
        )

    def key_position(self) -> Tensor:
        """Top left pixel (y, x) of every neighbour in the searched image.

        Returns:
            ``(N, rows, cols, k, 2)`` int64.
        """
        row = torch.div(self.index, self.key_grid.cols, rounding_mode="floor")
        col = self.index - row * self.key_grid.cols
        return torch.stack((row, col), dim=-1) * self.key_grid.stride

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the graph to ``path``; readable with ``torch.load(path, weights_only=True)``."""
        content = {
            "index": self.index.cpu(),
            "distance": self.distance.cpu(),
            "query_grid": asdict(self.query_grid),
            "key_grid": asdict(self.key_grid),
            "scale": self.scale,
        }
        with write_whole(Path(path)) as partial:
            torch.save(content, partial)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PatchGraph:
        """Read a graph written by `save`.

        Raises:
            ValueError: The file is no saved patch graph.
        """
        try:
            content = load_checkpoint(Path(path))
            graph = cls(
                content["index"],
                content["distance"],
                PatchGrid(**content["query_grid"]),
                PatchGrid(**content["key_grid"]),
                content["scale"],
            )
            index, distance = graph.index, graph.distance
            if index.dtype != torch.int64 or distance.isnan().any() or not graph.scale >= 1:
                raise ValueError("its indices, distances or scale are none")
            within = 0 <= int(index.min()) <= int(index.max()) < len(graph.key_grid)
            if index.shape != distance.shape or not within:
                raise ValueError("it names patches that are not there")
        except FileNotFoundError:
            raise
        except Exception as error:  # whatever a stranger's values lead to
            raise ValueError(f"{path} is not a saved PatchGraph: {error}") from error
        return graph
